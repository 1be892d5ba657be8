# SPDX-License-Identifier: BSD-3-Clause
"""Instances: a real nginx each, on 80 and 443, that answers its own name."""
import signal
import subprocess

from netns import run

BIG_BYTES = 1 << 20

CONF = """\
daemon off;
master_process off;
user root;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 8192; }}
http {{
	access_log off;
	default_type text/plain;
	client_body_temp_path {dir}/body;
	proxy_temp_path {dir}/proxy;
	fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi;
	scgi_temp_path {dir}/scgi;
	client_max_body_size 16m;
	client_body_buffer_size 4m;
	keepalive_timeout 1h;
	keepalive_requests 1000000;
	ssl_certificate {tls}/cert.pem;
	ssl_certificate_key {tls}/key.pem;
	ssl_session_ticket_key {tls}/ticket.key;
	add_header X-Instance {name} always;
	server {{
		listen 80 backlog=4096;
		listen [::]:80 backlog=4096;
		listen 443 ssl backlog=4096;
		listen [::]:443 ssl backlog=4096;
		listen 8443 ssl backlog=4096;
		listen [::]:8443 ssl backlog=4096;
		listen 8081 proxy_protocol backlog=4096;
		listen [::]:8081 proxy_protocol backlog=4096;
		listen 8444 ssl proxy_protocol backlog=4096;
		listen [::]:8444 ssl proxy_protocol backlog=4096;
		set_real_ip_from 0.0.0.0/0;
		set_real_ip_from ::/0;
		real_ip_header proxy_protocol;
		root {dir}/www;
		location = / {{ return 200 "{name}\\n"; }}
		location = /whoami {{ access_log {dir}/access.log; return 200 "$remote_addr\\n"; }}
		location = /big {{ }}
		location = /up.html {{ }}
		# Answers after the whole body is there.
		location = /upload {{
			proxy_pass http://127.0.0.1:8079/;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_set_header X-Bytes $content_length;
		}}
	}}
	server {{
		listen 127.0.0.1:8079;
		location / {{ return 200 "{name} $http_x_bytes\\n"; }}
	}}
}}
"""


def make_tls(folder):
    """One key, certificate and ticket key for all instances, as a fleet has it."""
    folder.mkdir()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
        "-subj", "/CN=lab.example", "-addext", "subjectAltName=DNS:lab.example",
        "-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    run("openssl", "rand", "-out", folder / "ticket.key", "80")


class Instance:
    """One namespace with an nginx in it."""

    def __init__(self, net, name, v4, v6, gateways):
        self.net, self.name, self.v4, self.v6, self.gateways = net, name, v4, v6, gateways
        self.dir = net.dir / name
        self.nginx = None

    def create(self, bridge):
        self.net.add(self.name, **{"net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2,
                                   "net.ipv4.tcp_max_syn_backlog": 8192, "net.core.somaxconn": 8192})
        self.net.link(self.name, "eth0", "switch", self.name)
        self.net.ip("switch", f"link set {self.name} master {bridge}")
        self.net.ip(self.name, f"addr add {self.v4}/24 dev eth0", f"addr add {self.v6}/64 dev eth0 nodad",
                    f"route add default via {self.gateways[0]}", f"route add ::/0 via {self.gateways[1]}")
        www = self.dir / "www"
        www.mkdir(parents=True)
        (www / "up.html").write_text("up\n")
        (www / "big").write_bytes(bytes(range(256)) * (BIG_BYTES // 256))
        (self.dir / "nginx.conf").write_text(CONF.format(dir=self.dir, name=self.name, tls=self.net.dir / "tls"))

    def take_vips(self, vips, program):
        """Hold the VIPs on lo without answering for them on the wire, and unwrap tunnels: @program is sluice-instance."""
        self.net.exec(self.name, program, "attach", "eth0", "--vip", ",".join(vips))

    def start(self):
        with open(self.dir / "nginx.out", "ab") as log:
            self.nginx = self.net.spawn(self.name, "nginx", "-p", self.dir, "-c", self.dir / "nginx.conf",
                                        stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def is_up(self):
        return self.net.exec(self.name, "curl", "-fsS", "-m", "1", f"http://{self.v4}/up.html", check=False).returncode == 0

    def kill(self):
        """The whole instance is gone at once: the kernel resets its connections and refuses new ones."""
        self.nginx.send_signal(signal.SIGKILL)
        self.nginx.wait()

    def cut(self, off=True):
        """Pull the cable (or put it back): packets to it vanish."""
        self.net.ip("switch", f"link set {self.name} {'down' if off else 'up'}")

    def lame(self, on=True):
        """Rename up.html away, as a rolling deploy does; or back."""
        up, away = self.dir / "www/up.html", self.dir / "www/away.html"
        (up if on else away).rename(away if on else up)

    def heal(self):
        """Undo kill(), cut() and lame()."""
        self.cut(False)
        if (self.dir / "www/away.html").exists():
            self.lame(False)
        if self.nginx.poll() is not None:
            self.start()

    def log(self):
        return "\n".join(p.read_text() for p in (self.dir / "error.log", self.dir / "nginx.out") if p.exists())
