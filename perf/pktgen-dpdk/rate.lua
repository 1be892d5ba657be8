-- SPDX-License-Identifier: BSD-3-Clause
-- As fast as it goes (or SLUICE_RATE percent), established flows.
package.path = package.path .. ";" .. (os.getenv("SLUICE_LUA") or "perf/pktgen-dpdk") .. "/?.lua"
local sluice = require("sluice")

sluice.main(function()
	sluice.open(sluice.flows, sluice.size)
	sluice.say(string.format("%d flows, %d bytes", sluice.flows, sluice.size), sluice.trial(sluice.rate, sluice.seconds))
end)
