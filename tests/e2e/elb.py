#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The commands of ELB classic, as the team wrote them then: two balancers for four instances, a check of each kind, a rolling deploy.

test-long
test-dataplanes: dpdk xdp
"""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))

import settings  # noqa: E402
import scenario  # noqa: E402
from lab import BIN, wait_for  # noqa: E402
from netns import run  # noqa: E402
from scenario import expect, expect_equal, figure  # noqa: E402

IDS = {f"i-12ab3c4{number}": name for number, name in enumerate(settings.NEAR, 1)}
ALL = ",".join(IDS)
FIRST, SECOND = settings.WEB_VIPS[0], settings.TUNNEL_VIPS[0]
LISTENERS = ("--listener", "lb-port=443,instance-port=443,protocol=TCP", "--listener", "lb-port=80,instance-port=80,protocol=http")


def elb(lab, command, *argv, code=0, stdin=None):
    """Run a command under its own name. What it prints, or with another @code what it complains."""
    link = lab.net.dir / command
    if not link.exists():
        link.symlink_to(BIN / "sluicectl")
    done = subprocess.run([link, "-r", lab.run_dir, *argv], capture_output=True, text=True, input=stdin, timeout=60, check=False)
    expect_equal(done.returncode, code, f"exit code of {command} {' '.join(argv)}: {done.stdout}{done.stderr}")
    return done.stderr if code else done.stdout


def healthcheck(lab, name, target, *argv):
    return elb(lab, "elb-configure-healthcheck", name, "--headers", "--target", target, "--interval", "1", "--timeout", "900ms",
               "--unhealthy-threshold", "2", "--healthy-threshold", "2", *argv)


def states(lab, name):
    rows = [line.split() for line in elb(lab, "elb-describe-instance-health", name).splitlines()]
    return {row[1]: row[2] for row in rows if row[0] == "INSTANCE_ID"}


def only_commands(lab):
    """Replace the lab's services by ids and addresses for the commands."""
    lab.config["node"]["vip_pool"] = [FIRST, SECOND]
    lab.config["instances"] = {i: {"address": settings.NEAR[name][0], "zone": "us-east-1c"} for i, name in IDS.items()}
    lab.config["pools"] = {}
    lab.config["services"] = {}
    lab.write_config()
    lab.ctl("config", "apply", "--force")


def story(lab):
    """Two balancers in front of the same instances are created, checked, deployed to, and deleted."""
    only_commands(lab)
    expect_equal(elb(lab, "elb-describe-lbs"), "No LoadBalancers found\n", "no balancer yet")
    for name, vip in (("superawesome", FIRST), ("elsewhere", SECOND)):
        said = elb(lab, "elb-create-lb", name, "--headers", *LISTENERS, "--availability-zones", "us-east-1c", "--forward", "l2")
        expect_equal(said, f"DNS_NAME  DNS_NAME\nDNS_NAME  {vip}\n", "its address")
        healthcheck(lab, name, "TCP:443")
        said = healthcheck(lab, name, "HTTP:80/up.html")
        expect_equal([line.split()[1] for line in said.splitlines()], ["TARGET", "TCP:443", "HTTP:80/up.html"], "two targets")
        said = elb(lab, "elb-register-instances-with-lb", name, "--headers", "--instances", ALL)
        expect_equal(said, "INSTANCE_ID  INSTANCE_ID\n" + "".join(f"INSTANCE_ID  {i}\n" for i in IDS), "registered instances")
    for name in ("superawesome", "elsewhere"):
        wait_for(f"all of {name} to be InService", lambda n=name: states(lab, n) == dict.fromkeys(IDS, "InService"))
    wait_for("each instance to answer on each address", lambda: all(
        set(lab.names(f"{scheme}://{vip}/", 40)) == set(IDS.values()) for vip in (FIRST, SECOND) for scheme in ("http", "https")))

    load = lab.load(f"http://{FIRST}/", f"https://{FIRST}/", f"http://{SECOND}/", f"https://{SECOND}/", rate=100, workers=8)
    for one, name in IDS.items():
        lab.instances[name].lame()
        wait_for(f"{one} to be OutOfService", lambda i=one: states(lab, "superawesome")[i] == states(lab, "elsewhere")[i] == "OutOfService")
        lab.instances[name].heal()
        wait_for(f"{one} to be InService", lambda i=one: states(lab, "superawesome")[i] == states(lab, "elsewhere")[i] == "InService")
    report = load.stop()
    expect_equal(report["failed"], 0, f"failed requests: {report['failures'][:3]}")
    figure(f"a rolling deploy of {len(IDS)} instances by their check: {report['failed']} of {report['requests']} requests failed")

    last = list(IDS)[-1]
    elb(lab, "elb-deregister-instances-from-lb", "superawesome", "--instances", last)
    wait_for("it to get no requests", lambda: IDS[last] not in lab.names(f"http://{FIRST}/", 40))
    expect("not deleted" in elb(lab, "elb-delete-lb", "superawesome", code=1, stdin="\n"), "a deletion that was not confirmed")
    expect_equal(len(elb(lab, "elb-describe-lbs").splitlines()), 2, "balancers")
    for name in ("superawesome", "elsewhere"):
        expect(elb(lab, "elb-delete-lb", name, stdin="y\n").endswith("OK-Deleting LoadBalancer\n"), "deleted")
    expect_equal(lab.ctl("status")["services"], [], "services")


def translated(lab):
    """443 to 8443, and 80 to 80, without a word about how packets are forwarded: by nat, on the dataplane that has it."""
    if settings.DATAPLANE != "dpdk":
        return
    only_commands(lab)
    lab.dataplane.kill(signal.SIGTERM)  # its next start takes memory for nat, since commands may create services
    lab.dataplane.start()
    create = ("elb-create-lb", "superawesome", "--headers", "--listener", "lb-port=443,instance-port=8443,protocol=TCP",
              "--listener", "lb-port=80,instance-port=80,protocol=http", "--availability-zones", "us-east-1c")
    expect_equal(elb(lab, *create), f"DNS_NAME  DNS_NAME\nDNS_NAME  {FIRST}\n", "its address")
    healthcheck(lab, "superawesome", "TCP:8443")
    healthcheck(lab, "superawesome", "HTTP:80/up.html")
    elb(lab, "elb-register-instances-with-lb", "superawesome", "--instances", ALL)
    wait_for("all to be InService", lambda: states(lab, "superawesome") == dict.fromkeys(IDS, "InService"))
    for url in (f"http://{FIRST}/", f"https://{FIRST}/"):
        wait_for(f"each instance to answer at {url}", lambda u=url: set(lab.names(u, 40)) == set(IDS.values()))
        expect_equal(lab.curl(url + "whoami").stdout.strip(), settings.EDGE[0], f"{url}: who the instance saw")
    expect_equal(lab.ctl("status")["services"][0]["forward"], "nat", "the mode")
    elb(lab, "elb-delete-lb", "superawesome", "--force")


def twice(lab):
    """The same command twice changes nothing, a restart keeps what they did, and clashes name both places."""
    only_commands(lab)
    create = ("elb-create-lb", "shop", *LISTENERS, "--forward", "l2")
    elb(lab, *create)
    generation = json.loads(elb(lab, *create, "-o", "json"))
    expect_equal((generation["changed"], "generation" in generation), (False, False), "the second time")
    elb(lab, "elb-register-instances-with-lb", "shop", "--instances", ALL)
    lab.sluiced.kill()
    lab.sluiced.start()
    expect_equal(set(states(lab, "shop")), set(IDS), "instances after a restart")
    expect("there is no node.instance_domain" in elb(lab, "elb-register-instances-with-lb", "shop", "--instances", "i-0", code=1), "an unknown id")

    origins = lab.ctl("config", "show", "--origin", table=True)
    expect(f"{lab.run_dir}/elb.yaml" in origins and f"{lab.config_path}:1 " in origins, origins)
    expect(lab.config["node"]["secret"] not in origins, "the secret is shown")

    lab.config["services"]["shop"] = {"vip": [SECOND], "forward": "l2", "listeners": [{"port": 80, "pool": "shop"}]}
    lab.write_config()
    done = run(BIN / "sluicectl", "-r", lab.run_dir, "config", "apply", check=False)
    expect(done.returncode == 1 and f"{lab.run_dir}/elb.yaml:" in done.stderr and f"the same name as in {lab.config_path}:" in done.stderr,
           f"a clash: {done.stderr}")
    del lab.config["services"]["shop"]
    lab.write_config()
    good = (lab.run_dir / "elb.yaml").read_text()
    (lab.run_dir / "elb.yaml").write_text("services:\n  shop: nonsense\n")
    expect("elb.yaml:2:" in elb(lab, "elb-register-instances-with-lb", "shop", "--instances", "i-12ab3c41", code=1), "nonsense by hand")
    expect_equal(set(states(lab, "shop")), set(IDS), "what is in force")
    (lab.run_dir / "elb.yaml").write_text(good)
    elb(lab, "elb-delete-lb", "shop", "--force")


def at_once(lab):
    """Twenty commands at once: one after the other, none is lost."""
    only_commands(lab)
    elb(lab, "elb-create-lb", "shop", *LISTENERS, "--forward", "l2")
    lab.config["instances"] |= {f"i-{number}": {"address": f"10.1.0.{100 + number}"} for number in range(20)}
    lab.write_config()
    lab.ctl("config", "apply")
    running = [lab.ctl_spawn("elb-register-instances-with-lb", "shop", "--instances", f"i-{number}") for number in range(20)]
    expect_equal([one.wait(60) for one in running], [0] * 20, "exit codes")
    expect_equal(set(states(lab, "shop")), {f"i-{number}" for number in range(20)}, "instances")
    elb(lab, "elb-delete-lb", "shop", "--force")


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    scenario.run(story, translated, twice, at_once)
