-- SPDX-License-Identifier: BSD-3-Clause
-- SYNs from spoofed sources, as fast as it goes; then the flows of before, which must all come back.
package.path = package.path .. ";" .. (os.getenv("SLUICE_LUA") or "perf/pktgen-dpdk") .. "/?.lua"
local sluice = require("sluice")

local SPOOFED = os.getenv("SLUICE_SPOOFED") or "11.0.0.1"
local SOURCES = 4000000

sluice.main(function()
	sluice.open(sluice.flows, sluice.size)
	sluice.say("flows, before", sluice.trial(10, 2))
	sluice.traffic("syn", SPOOFED, SOURCES, sluice.size)
	sluice.say(string.format("SYNs of %d sources", SOURCES), sluice.trial(sluice.rate, sluice.seconds))
	sluice.traffic("ack", sluice.client, sluice.flows, sluice.size)
	sluice.say("flows, after", sluice.trial(10, 2))
end)
