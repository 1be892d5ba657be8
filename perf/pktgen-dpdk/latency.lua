-- SPDX-License-Identifier: BSD-3-Clause
-- Latency by Pktgen's own time stamps, at some shares of SLUICE_RATE. They are in single packets, not in ranges,
-- so this is one flow; percentiles of many flows are what perf/pktgen is for.
package.path = package.path .. ";" .. (os.getenv("SLUICE_LUA") or "perf/pktgen-dpdk") .. "/?.lua"
local sluice = require("sluice")

local port, number = sluice.port, tonumber(sluice.port)

sluice.main(function()
	pktgen.set_type(port, "ipv4")
	pktgen.set_proto(port, "tcp")
	pktgen.set_mac(port, "dst", sluice.node_mac)
	pktgen.set_ipaddr(port, "src", sluice.client .. "/32")
	pktgen.set_ipaddr(port, "dst", sluice.vip)
	pktgen.set(port, "sport", sluice.client_port)
	pktgen.set(port, "dport", sluice.vip_port)
	pktgen.set(port, "size", 96) -- the smallest that has room for a stamp
	pktgen.latency(port, "enable")
	for _, share in ipairs({ 10, 25, 50 }) do
		local result = sluice.trial(sluice.rate * share / 100, sluice.seconds)
		local latency = pktgen.pktStats(port)[number].latency

		sluice.say(string.format("1 flow at %.1f %%", result.rate), result)
		print(string.format("  %d stamps: min %.1f, mean %.1f, max %.1f microseconds", latency.num_pkts, latency.min_us,
			latency.avg_us, latency.max_us))
	end
	pktgen.latency(port, "disable")
end)
