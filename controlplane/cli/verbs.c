/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"
#include "controlplane/cli/cli.h"

/* Options of all commands of ELB classic. */
#define ELB_HELP                                                                                   \
	"  --lb NAME       instead of NAME\n"                                                      \
	"  --headers       titles of the columns\n"                                                \
	"  --delimiter D   between columns\n"                                                      \
	"  --quiet         no output\n"                                                            \
	"  --region and credentials are accepted and not used\n"

const struct cli_verb cli_verbs[] = {
	{ .name = "status",
	  .synopsis = " [POOL]",
	  .examples = "  sluicectl status\n"
		      "  sluicectl status web\n"
		      "  sluicectl -o json status\n",
	  .summary = "node, services, pools and instances",
	  .help = "Columns of an instance: administrative state (ADMIN), result of the checks (HEALTH),\n"
		  "flows, new flows per second, share of the pool's new flows, time since the last\n"
		  "check. If a weight was set at run time, the configured one precedes it in brackets.\n",
	  .arguments_max = 1,
	  .run = status_run },
	{ .name = "drain",
	  .synopsis = " POOL/INSTANCE [--wait [TIME]]",
	  .examples = "  sluicectl drain web/web-1\n"
		      "  sluicectl drain web/web-1 --wait 10m && ssh web-1 systemctl stop nginx\n",
	  .summary = "no new flows; existing ones stay",
	  .help = "  --wait [TIME]  show the remaining flows until there are none, for at most TIME\n"
		  "                 (\"90s\", \"5m\", \"1h\"; without it: no limit)\n",
	  .options = CLI_OPTION_WAIT,
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = drain_run },
	{ .name = "maint",
	  .synopsis = " POOL/INSTANCE",
	  .examples = "  sluicectl maint web/web-1\n",
	  .summary = "out of service at once; its flows go to other instances",
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = maint_run },
	{ .name = "resume",
	  .synopsis = " POOL/INSTANCE",
	  .examples = "  sluicectl resume web/web-1\n",
	  .summary = "end drain or maint",
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = resume_run },
	{ .name = "weight",
	  .synopsis = " POOL/INSTANCE [N|default]",
	  .examples = "  sluicectl weight web/web-1 10\n"
		      "  sluicectl weight web/web-1 default\n",
	  .summary = "show the weight, or set it to N; default: to the configured one",
	  .arguments_min = 1,
	  .arguments_max = 2,
	  .run = weight_run },
	{ .name = "drops",
	  .synopsis = "",
	  .examples = "  sluicectl drops\n",
	  .summary = "packets received, transmitted and dropped, by reason",
	  .run = drops_run },
	{ .name = "events",
	  .synopsis = " [--follow] [--since TIME] [--object NAME]",
	  .examples = "  sluicectl events -f\n"
		      "  sluicectl events --since 1h --object web/web-1\n",
	  .summary = "what has changed, when and why",
	  .help = "  -f, --follow   show the last ones, and new ones as they happen\n"
		  "  --since TIME   only of the last TIME (\"10m\", \"1h\")\n"
		  "  --object NAME  only about POOL/INSTANCE, or about a pool and its instances, or about\n"
		  "                 config, node, dataplane or sluiced\n",
	  .options = CLI_OPTION_EVENTS,
	  .run = events_run },
	{ .name = "explain",
	  .synopsis = " CLIENT[:PORT] VIP:PORT [--config FILE] [--at N] [--reverse WHAT]",
	  .examples = "  sluicectl explain 198.51.100.7:40000 203.0.113.10:443\n"
		      "  sluicectl explain -c new.yaml 198.51.100.7 203.0.113.10:443\n",
	  .summary = "which instance a connection goes to, and why",
	  .help = "Without a client's port, how the client's new connections are spread. An IPv6 address\n"
		  "with a port is written in brackets: [2001:db8::1]:443.\n"
		  "\n"
		  "  -c, --config FILE  by this configuration, with all instances up; needs no daemon\n"
		  "  --at N             by the configuration N back in the history, likewise\n"
		  "  --reverse WHAT     alone, with nat: which client has the ADDRESS:PORT that an instance\n"
		  "                     sees; or all of POOL/INSTANCE[:PORT]\n",
	  .options = CLI_OPTION_EXPLAIN,
	  .arguments_max = 2,
	  .run = explain_run_verb },
	{ .name = "flows",
	  .synopsis =
		  " [--instance POOL/INSTANCE] [--client ADDRESS] [--service NAME] [--older TIME] "
		  "[--limit N]",
	  .examples = "  sluicectl flows --instance web/web-1 --older 10m\n",
	  .summary = "how many flows are recorded, and which have been idle longest",
	  .help = "  --instance POOL/INSTANCE  only of this instance\n"
		  "  --client ADDRESS          only of this client, IPv4\n"
		  "  --service NAME            only of this service, its IPv4 VIPs\n"
		  "  --older TIME              only without a packet for TIME (\"10m\", at most 108m)\n"
		  "  --limit N                 length of the list (20; at most 1000)\n",
	  .options = CLI_OPTION_FLOWS,
	  .run = flows_run },
	{ .name = "top",
	  .synopsis = " [--once] [--interval TIME]",
	  .examples = "  sluicectl top\n"
		      "  sluicectl -o json top --once\n",
	  .summary = "rates of services and instances, worst drops, clients with most flows",
	  .help = "  --once           one answer, after an interval\n"
		  "  --interval TIME  between answers (2s; at least 200ms)\n",
	  .options = CLI_OPTION_TOP,
	  .run = top_run },
	{ .name = "capture",
	  .synopsis = " [FILTER] [--write FILE] [--drops] [--reason NAME] "
		      "[--instance POOL/INSTANCE] [--client ADDRESS] [--count N]",
	  .examples =
		  "  sluicectl capture --drops\n"
		  "  sluicectl capture --client 198.51.100.7 -w client.pcapng\n"
		  "  sluicectl capture --instance web/web-1 -w - 'tcp[tcpflags] & tcp-syn != 0' | "
		  "tshark -r -\n",
	  .summary = "packets as they were received, and what became of them",
	  .help = "A line each, until it is interrupted; or pcapng for tcpdump, tshark and Wireshark, with\n"
		  "verdict, drop reason, instance and generation as comment. FILTER is that of tcpdump.\n"
		  "The dataplane copies the first 256 bytes of at most 10,000 packets a second; options\n"
		  "select before that limit, FILTER after it. There is one capture at a time.\n"
		  "\n"
		  "  -w, --write FILE          pcapng into FILE, which only its owner can read; \"-\": to\n"
		  "                            the standard output\n"
		  "  --drops                   only dropped packets\n"
		  "  --reason NAME             only those dropped for this reason, as drops names it\n"
		  "  --instance POOL/INSTANCE  only packets forwarded to this instance\n"
		  "  --client ADDRESS          only packets from this source address\n"
		  "  --count N                 end after N packets (with -w: 1,000,000)\n",
	  .options = CLI_OPTION_CAPTURE,
	  .arguments_max = 64,
	  .run = capture_run },
	{ .name = "doctor",
	  .synopsis = " [--config FILE] [--root DIR]",
	  .examples =
		  "  sluicectl doctor\n"
		  "  sluicectl doctor -c /etc/sluice/sluice.yaml\n"
		  "  sluicectl -o json doctor | jq '.checks[] | select(.result == \"wrong\")'\n",
	  .summary = "what is wrong with this machine; needs no daemon",
	  .help = "Looks at what Sluice depends on, before the start or while it runs, and says what was\n"
		  "found, what was expected and how to mend it. Results: wrong; advice, which costs speed\n"
		  "or safety; ok; skipped. As root it also sends packets: ARP, ND and echo requests.\n"
		  "\n"
		  "  -c, --config FILE  without it, that of the daemon that runs, or " CONFIG_DEFAULT_PATH
		  "\n"
		  "  --root DIR         read /proc and /sys below DIR, as in a report from elsewhere\n",
	  .options = CLI_OPTION_DOCTOR,
	  .run = doctor_verb_run },
	{ .name = "config check",
	  .synopsis = " FILE",
	  .examples = "  sluicectl config check /etc/sluice/sluice.yaml\n",
	  .summary = "check a configuration; needs no daemon",
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = check_run },
	{ .name = "config diff",
	  .synopsis = " [FILE]",
	  .examples = "  sluicectl config diff\n"
		      "  sluicectl config diff new.yaml\n",
	  .summary = "what a configuration would change, and how many flows it would move",
	  .help = "Without FILE, the file that the daemon was started with.\n",
	  .arguments_max = 1,
	  .run = diff_run },
	{ .name = "config apply",
	  .synopsis = " [FILE] [--force] [--confirm [TIME]]",
	  .examples = "  sluicectl config apply\n"
		      "  sluicectl config apply new.yaml --confirm 10m\n",
	  .summary = "apply a configuration, in whole or not at all",
	  .help = "Without FILE, the file that the daemon was started with.\n"
		  "\n"
		  "  --force           also if it removes all services, or more than half of all\n"
		  "                    instances\n"
		  "  --confirm [TIME]  undo it after TIME (\"90s\", \"1h\"; without it: 5m), unless config\n"
		  "                    confirm is called before\n",
	  .options = CLI_OPTION_FORCE | CLI_OPTION_CONFIRM,
	  .arguments_max = 1,
	  .run = apply_run },
	{ .name = "config confirm",
	  .synopsis = "",
	  .examples = "  sluicectl config confirm\n",
	  .summary = "keep the configuration that was applied with --confirm",
	  .run = confirm_run },
	{ .name = "config rollback",
	  .synopsis = " [N] [--force]",
	  .examples = "  sluicectl config rollback\n"
		      "  sluicectl config rollback 3\n",
	  .summary = "apply the configuration before, or the one N back in the history",
	  .help = "It stays in force over restarts, until the file has changed or is applied.\n"
		  "\n"
		  "  --force  also if it removes all services, or more than half of all instances\n",
	  .options = CLI_OPTION_FORCE,
	  .arguments_max = 1,
	  .run = rollback_run },
	{ .name = "history",
	  .synopsis = "",
	  .examples = "  sluicectl history\n",
	  .summary = "the last 50 configurations that were in force",
	  .run = history_run },
	{ .name = "config show",
	  .synopsis = " [--origin]",
	  .examples = "  sluicectl config show --origin\n",
	  .summary = "the configuration in force, merged from its files",
	  .help = "  --origin  each line with the file and line that it comes from\n",
	  .options = CLI_OPTION_ORIGIN,
	  .run = show_run },
	{ .name = "config init",
	  .synopsis = " [--write FILE] [--force] [--port PORT] [--dataplane WORD] [--cpus LIST]",
	  .examples = "  sluicectl config init\n"
		      "  sluicectl config init -w /etc/sluice/sluice.yaml\n"
		      "  sluicectl config init --port 0000:3b:00.0 --cpus 2-5\n",
	  .summary = "write a configuration for this machine; needs no daemon",
	  .help = "Interfaces, addresses, gateways and CPUs are those of this machine; services are left\n"
		  "to be filled in.\n"
		  "\n"
		  "  -w, --write FILE  to a new file, which only root and the group sluice can read\n"
		  "  --force           replace an existing file\n"
		  "  --port PORT       not the one that is chosen\n"
		  "  --dataplane WORD  dpdk, xdp or auto; without it xdp on an interface of the kernel\n"
		  "  --cpus LIST       such as 2-5\n",
	  .options = CLI_OPTION_INIT,
	  .run = init_run },
	{ .name = "config from-haproxy",
	  .synopsis = " FILE [--node FILE] [--vip ADDRESS] [--forward MODE]",
	  .examples =
		  "  sluicectl config from-haproxy haproxy.cfg --node /etc/sluice/sluice.yaml > new.yaml\n",
	  .summary = "convert an HAProxy configuration; needs no daemon",
	  .help = "Lines without equivalent become comments that say why.\n"
		  "\n"
		  "  --node FILE     take \"node\" from this Sluice file, and check the result\n"
		  "  --vip ADDRESS   for binds to every IPv4 address of the machine\n"
		  "  --forward MODE  of all services: l2, ipip, gue or nat\n",
	  .options = CLI_OPTION_CONVERT,
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = from_haproxy_run },
	{ .name = "elb-create-lb",
	  .synopsis = " NAME --listener lb-port=PORT,instance-port=PORT,protocol=TCP|HTTP... "
		      "[--vip ADDRESS,...] [--forward MODE] [--availability-zones ZONE,...]",
	  .examples =
		  "  elb-create-lb web --listener lb-port=443,instance-port=8443,protocol=TCP --vip 203.0.113.10\n",
	  .summary = "create a load balancer, as ELB classic did",
	  .help = "  --listener ...  may be repeated; HTTP is carried as TCP\n"
		  "  --vip           without it, the first free address of node.vip_pool\n"
		  "  --forward       how packets reach instances, as in the configuration\n" ELB_HELP,
	  .own_options = true,
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = elb_create_run },
	{ .name = "elb-delete-lb",
	  .synopsis = " NAME [--force]",
	  .examples = "  elb-delete-lb web --force\n",
	  .summary = "delete a load balancer that elb-create-lb has created",
	  .help = "  --force  does not ask\n" ELB_HELP,
	  .own_options = true,
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = elb_delete_run },
	{ .name = "elb-describe-lbs",
	  .synopsis = " [NAME...]",
	  .examples = "  elb-describe-lbs --show-long --headers\n",
	  .summary = "load balancers and their addresses",
	  .help = "  --show-long  also listeners, checks and instances\n" ELB_HELP,
	  .own_options = true,
	  .arguments_max = 256,
	  .run = elb_describe_run },
	{ .name = "elb-configure-healthcheck",
	  .synopsis = " NAME --target TARGET --interval S --timeout S --unhealthy-threshold N "
		      "--healthy-threshold N [--only]",
	  .examples =
		  "  elb-configure-healthcheck web --target HTTP:80/up.html --interval 10 --timeout 5 \\\n"
		  "      --unhealthy-threshold 2 --healthy-threshold 2\n",
	  .summary = "add a check of the instances, or replace the one of that target",
	  .help = "  --target  TCP:port, SSL:port, HTTP:port/path or HTTPS:port/path\n"
		  "  --only    in place of all other checks\n" ELB_HELP,
	  .own_options = true,
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = elb_configure_run },
	{ .name = "elb-register-instances-with-lb",
	  .synopsis = " NAME --instances ID,...",
	  .examples = "  elb-register-instances-with-lb web --instances web-1,web-2\n",
	  .summary = "add instances",
	  .help = "An id is looked up in instances, else as a DNS name under "
		  "node.instance_domain.\n\n" ELB_HELP,
	  .own_options = true,
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = elb_register_run },
	{ .name = "elb-deregister-instances-from-lb",
	  .synopsis = " NAME --instances ID,...",
	  .examples = "  elb-deregister-instances-from-lb web --instances web-1\n",
	  .summary = "remove instances",
	  .help = ELB_HELP,
	  .own_options = true,
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = elb_deregister_run },
	{ .name = "elb-describe-instance-health",
	  .synopsis = " NAME [--instances ID,...]",
	  .examples = "  elb-describe-instance-health web --headers\n",
	  .summary = "InService or OutOfService, and why",
	  .help = ELB_HELP,
	  .own_options = true,
	  .arguments_min = 1,
	  .arguments_max = 1,
	  .run = elb_health_run },
	{ 0 },
};
