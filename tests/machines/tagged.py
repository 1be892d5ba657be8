#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""SYNs with a VLAN tag to the machine behind a tap; prints as JSON how many of them it sends on with a tag, and without.

  tagged.py TAP MAC SOURCE VIP
"""
import json
import sys

from scapy.all import IP, TCP, AsyncSniffer, Dot1Q, Ether, sendp

PORTS = range(20000, 20100)
WAIT_S = 8

tap, mac, source, vip = sys.argv[1:]
sniffer = AsyncSniffer(iface=tap, timeout=WAIT_S, store=True,
                       lfilter=lambda p: Ether in p and p[Ether].dst != mac and TCP in p and p[TCP].sport in PORTS)
sniffer.start()
sendp([Ether(dst=mac) / Dot1Q(vlan=7) / IP(src=source, dst=vip) / TCP(sport=port, dport=80, flags="S") for port in PORTS],
      iface=tap, verbose=False)
sniffer.join()
tagged = sum(Dot1Q in packet for packet in sniffer.results)
print(json.dumps({"tagged": tagged, "untagged": len(sniffer.results) - tagged}))
