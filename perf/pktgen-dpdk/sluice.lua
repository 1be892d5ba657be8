-- SPDX-License-Identifier: BSD-3-Clause
-- What the scripts of this folder share: settings from the environment, the traffic, and a trial.

local sluice = {}

local function setting(name, default)
	return os.getenv("SLUICE_" .. name) or default
end

sluice.port = setting("PORT", "0") -- of Pktgen; packets come back on it
sluice.vip = setting("VIP", "203.0.113.10")
sluice.vip_port = tonumber(setting("VIP_PORT", "443"))
sluice.node_mac = setting("NODE_MAC", "02:ed:9e:00:00:01")
sluice.client = setting("CLIENT", "100.64.0.1") -- the first; each flow has an address of its own
sluice.client_port = tonumber(setting("CLIENT_PORT", "1024"))
sluice.flows = tonumber(setting("FLOWS", "100000"))
sluice.size = tonumber(setting("SIZE", "64")) -- with its checksum
sluice.rate = tonumber(setting("RATE", "100")) -- percent of what Pktgen takes for the line's rate
sluice.seconds = tonumber(setting("SECONDS", "10"))

local function address_add(text, n)
	local a, b, c, d = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
	local value = ((a * 256 + b) * 256 + c) * 256 + d + n

	return string.format("%d.%d.%d.%d", value // 16777216 % 256, value // 65536 % 256, value // 256 % 256, value % 256)
end

-- Lua has no function for these.
local function commands(...)
	local path = os.tmpname()
	local file = assert(io.open(path, "w"))

	file:write(table.concat({...}, "\n"), "\n")
	file:close()
	pktgen.run("cmd", path, "") -- it wants three
	os.remove(path)
end

local function range_ip(set, first, count, step)
	set(sluice.port, "start", first)
	set(sluice.port, "min", first)
	set(sluice.port, "max", address_add(first, count - 1))
	set(sluice.port, "inc", step)
end

local function range_number(set, value)
	set(sluice.port, "start", value)
	set(sluice.port, "min", value)
	set(sluice.port, "max", value)
	set(sluice.port, "inc", 0)
end

-- TCP packets to the VIP, from so many clients in turn. flag: "ack" or "syn".
function sluice.traffic(flag, first, flows, size)
	local port, range = sluice.port, pktgen.range

	pktgen.stop(port)
	pktgen.set(port, "count", 0)
	pktgen.set(port, "burst", 32)
	range.set_type(port, "ipv4")
	range.ip_proto(port, "tcp")
	range.dst_mac(port, "start", sluice.node_mac)
	range_ip(range.src_ip, first, flows, "0.0.0.1")
	range_ip(range.dst_ip, sluice.vip, 1, "0.0.0.0")
	range_number(range.src_port, sluice.client_port)
	range_number(range.dst_port, sluice.vip_port)
	range_number(range.pkt_size, size)
	commands("range " .. port .. " tcp flag clr all", "range " .. port .. " tcp flag set " .. flag)
	pktgen.set_range(port, "on")
end

-- Send at a rate for some seconds, and count what came back.
function sluice.trial(rate, seconds)
	local port, number = sluice.port, tonumber(sluice.port)

	pktgen.set(port, "rate", rate)
	pktgen.clr()
	pktgen.delay(10)
	pktgen.start(port)
	pktgen.sleep(seconds)
	pktgen.stop(port)
	pktgen.sleep(1)

	local stats = pktgen.portStats(port, "port")[number]
	local result = {
		rate = rate,
		seconds = seconds,
		tx = stats.opackets,
		rx = stats.ipackets,
		lost = stats.opackets - stats.ipackets,
	}

	result.tx_pps, result.rx_pps = result.tx / seconds, result.rx / seconds
	result.loss = result.tx > 0 and result.lost / result.tx or 1
	return result
end

-- Every flow gets some packets, so that all of them are in the table.
function sluice.open(flows, size)
	sluice.traffic("ack", sluice.client, flows, size)
	sluice.trial(10, 2)
end

function sluice.say(what, r)
	print(string.format("%-28s sent %10d in %d s (%.3f Mpps), back %10d (%.3f Mpps), lost %d (%.4f %%)", what, r.tx,
		r.seconds, r.tx_pps / 1e6, r.rx, r.rx_pps / 1e6, r.lost, r.loss * 100))
end

-- Run a script's function, and leave Pktgen in any case.
function sluice.main(script)
	pktgen.screen("off")

	local fine, why = pcall(script)

	if not fine then print("FAILED: " .. tostring(why)) end
	pktgen.quit()
end

return sluice
