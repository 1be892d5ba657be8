/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * On ingress, between a trunk and the links of its VLANs: the ports of a switch, or interfaces of
 * VLANs for a kernel that has none. Compiled for each link, with
 *
 *   VLAN=N TRUNK=index                    on a VLAN's link: its tag is put on
 *   VLAN1=N LINK1=index VLAN2=... FLAGS=  on the trunk: tags are taken off
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#ifdef TRUNK
SEC("classifier")
int tag_on(struct __sk_buff *skb)
{
	if (bpf_skb_vlan_push(skb, bpf_htons(0x8100), VLAN))
		return 2; /* TC_ACT_SHOT */
	return (int)bpf_redirect(TRUNK, 0);
}
#else
SEC("classifier")
int tag_off(struct __sk_buff *skb)
{
	__u32 vlan = skb->vlan_present ? skb->vlan_tci & 0xfff : 0, link = 0;

	if (vlan == VLAN1)
		link = LINK1;
	if (vlan == VLAN2)
		link = LINK2;
	if (!link)
		return -1; /* TC_ACT_UNSPEC: go on */
	if (bpf_skb_vlan_pop(skb))
		return 2;
	return (int)bpf_redirect(link, FLAGS);
}
#endif

char tag_license[] SEC("license") = "Dual BSD/GPL";
