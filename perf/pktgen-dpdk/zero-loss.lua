-- SPDX-License-Identifier: BSD-3-Clause
-- RFC 2544, section 26.1: the highest rate at which nothing is lost, for some frame sizes.
package.path = package.path .. ";" .. (os.getenv("SLUICE_LUA") or "perf/pktgen-dpdk") .. "/?.lua"
local sluice = require("sluice")

local STEPS = 10
-- 1494 with a tunnel's header still fit an MTU of 1500.
local sizes = os.getenv("SLUICE_SIZES") or "64 128 256 512 1024 1280 1494"
local allowed = tonumber(os.getenv("SLUICE_LOSS") or "0") -- a share: 0.001 is the partial-drop rate

-- All first; then halve the interval between a rate that passed and one that didn't.
local function search()
	local low, high, rate, best = 0, 100, 100, nil

	for _ = 1, STEPS do
		local result = sluice.trial(rate, sluice.seconds)

		if result.loss <= allowed then
			low, best = rate, result
			if rate >= 100 then break end
		else
			high = rate
		end
		rate = (low + high) / 2
	end
	return best
end

sluice.main(function()
	for text in sizes:gmatch("%d+") do
		local size = tonumber(text)

		sluice.open(sluice.flows, size)

		local best = search()

		if best then
			sluice.say(string.format("%d bytes at %.2f %%", size, best.rate), best)
		else
			print(string.format("%d bytes: no rate without loss in %d trials", size, STEPS))
		end
	end
end)
