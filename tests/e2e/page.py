#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The status page in a browser: Chromium, by its driver.

test-long
test-dataplanes: dpdk
"""
import os
import socket
import socketserver
import sys
import threading
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

import scenario  # noqa: E402
from lab import wait_for  # noqa: E402
from netns import run  # noqa: E402
from scenario import expect, expect_equal  # noqa: E402

PICTURES = os.environ.get("PAGE_PICTURES")  # a folder; they are kept there
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,1000")
PHONE = (390, 844)
PAGES_MAX = 16
HOSTILE = "<img src=x onerror=alert(1)>"

# The ratio of each visible text's colour to what is behind it. WCAG 2.2, 1.4.3.
CONTRASTS = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgb = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3]) return c; }
    return [255, 255, 255]; };
const found = [];
for (const e of document.body.querySelectorAll("*")) {
    if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 40)]);
}
return found;
"""


class Relay(socketserver.ThreadingTCPServer):
    """A port of this machine's loopback interface for the socket in the file system: the browser is outside the edge."""
    allow_reuse_address = daemon_threads = True

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.socket(socket.AF_UNIX) as upstream:
                upstream.connect(str(self.server.path))
                back = threading.Thread(target=self.pass_on, args=(upstream, self.request), daemon=True)
                back.start()
                self.pass_on(self.request, upstream)
                back.join()

        @staticmethod
        def pass_on(source, target):
            try:
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                for end in (source, target):
                    try:
                        end.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

    def handle_error(self, request, client_address):
        pass  # sluiced is not there

    def __init__(self, path):
        self.path = path
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Page:
    def __init__(self, relay):
        options = Options()
        for option in OPTIONS:
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.get(f"http://127.0.0.1:{relay.server_address[1]}/")

    def text(self, ident):
        """What is seen of an element."""
        return self.driver.execute_script("""const element = document.getElementById(arguments[0]);
            return element.checkVisibility() ? element.innerText : "";""", ident)

    def instance(self, pool, name):
        """The cells of an instance's row, by the titles of their columns; empty: there is no such row."""
        return self.driver.execute_script("""
            for (const box of document.querySelectorAll("#pools details")) {
                if (!box.querySelector("summary").textContent.startsWith(arguments[0] + ":")) continue;
                const titles = [...box.querySelectorAll("th")].map(e => e.textContent);
                for (const row of box.querySelectorAll("tbody tr"))
                    if (row.cells[0].textContent === arguments[1])
                        return Object.fromEntries(titles.map((title, i) => [title, row.cells[i].textContent]));
            }
            return {};""", pool, name)

    def has(self, ident, *words):
        text = self.text(ident)
        return all(word in text for word in words)

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def look(self, scheme, size=(1200, 1000)):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})

    def picture(self, name):
        if PICTURES:
            self.driver.save_screenshot(str(Path(PICTURES) / f"{name}.png"))


page = None


def serve(lab):
    """The lab's healing has taken the page away: until it has come back its elements are those of before."""
    if page:
        page.driver.execute_script("window.before = document.querySelector('#pools details')")
    lab.config["node"]["metrics"] = str(lab.run_dir / "metrics.sock")
    lab.write_config()
    lab.ctl("config", "apply")
    if page:
        wait_for("the page to come back", lambda: page.driver.execute_script(
            "return !window.before?.isConnected && !!document.querySelector('#pools tbody tr')"))


def opened(lab):
    """It shows services and instances, and nothing from elsewhere."""
    global page
    serve(lab)
    page = Page(Relay(lab.run_dir / "metrics.sock"))
    status = lab.ctl("status")
    for pool in status["pools"]:
        for instance in pool["instances"]:
            wait_for(f"{pool['name']}/{instance['name']} to be shown",
                     lambda p=pool["name"], i=instance: page.instance(p, i["name"]).get("Address") == i["address"])
    for service in status["services"]:
        expect(page.has("services", service["name"]), f"{service['name']} is missing: {page.text('services')}")
    wait_for("the state", lambda: page.has("state", "Forwarding"))
    others = page.driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    expect(all(name.endswith("/live") for name in others), f"loaded: {others}")
    expect_equal(page.complaints(), [], "console")


def changes(lab):
    """States, drains, drops, events and the plan change while one looks."""
    serve(lab)
    lab.ctl("drain", "web/web-1")
    wait_for("the drain", lambda: page.instance("web", "web-1").get("Admin") == "drain" and page.has("drain-rows", "web/web-1", "flows left"))
    wait_for("its event", lambda: page.has("events", "web/web-1", "ready → drain"))
    lab.instances["web-2"].kill()
    wait_for("web-2 to be down", lambda: page.instance("web", "web-2").get("Health") == "down" and page.instance("web", "web-2").get("Reason"))
    wait_for("its event", lambda: page.has("events", "web/web-2", "up → down"))
    page.look("light")
    page.picture("status-page")
    lab.instances["web-2"].start()
    lab.ctl("resume", "web/web-1")
    wait_for("both to be back", lambda: page.instance("web", "web-1").get("Admin") == "ready" and page.instance("web", "web-2").get("Health") == "up"
             and not page.text("drain-rows"))
    lab.send_bad_packets()
    wait_for("drops", lambda: any(entry["packets"] for entry in lab.ctl("drops")["drops"]))
    reasons = [entry["reason"] for entry in lab.ctl("drops")["drops"] if entry["packets"]]
    wait_for(f"{reasons} to be shown", lambda: page.has("drops", *reasons))
    lab.config["pools"]["web"]["instances"]["web-1"]["weight"] = 50
    lab.write_config()
    wait_for("the plan", lambda: page.has("plan", "Pending", "web-1", "50"))
    lab.ctl("config", "apply")
    wait_for("it to be done", lambda: not page.text("plan") and page.instance("web", "web-1").get("Weight") == "50")
    wait_for("a sample", lambda: "at most" in page.text("top-packets"))
    expect_equal(page.complaints(), [], "console")


def hostile(lab):
    """What texts contain is never HTML, and scripts that are not the page's own do not run."""
    serve(lab)
    text = lab.config_path.read_text()
    lab.write_config(text.replace("pools:", f"pools:\n  \"{HOSTILE}\": 1", 1))
    lab.sluiced.process.send_signal(1)
    wait_for("the refusal", lambda: page.has("problem", HOSTILE) or page.has("plan", HOSTILE))
    expect_equal(page.driver.execute_script("return document.images.length"), 0, "images")
    lab.write_config()
    lab.ctl("config", "apply")
    wait_for("the text to go", lambda: not page.text("problem"))
    expect_equal(page.complaints(), [], "console")
    ran = page.driver.execute_script("""const s = document.createElement("script"); s.textContent = "window.ran = 1";
        document.body.append(s); return window.ran || 0""")
    expect_equal(ran, 0, "an injected script ran")
    expect(any("Content Security Policy" in line for line in page.complaints()), "nobody complained of an injected script")


def keyboard(lab):
    """Without a mouse: the filter and the pools are reached, and do what they say."""
    serve(lab)
    box, body = page.driver.find_element(By.ID, "filter"), page.driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    expect_equal(page.driver.switch_to.active_element, box, "after one Tab")
    box.send_keys("web-2")
    wait_for("the filter", lambda: page.driver.execute_script("""return [...document.querySelectorAll("#pools tbody tr")]
        .filter(e => e.checkVisibility()).every(e => e.textContent.includes("web-2"))"""))
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(Keys.DELETE, Keys.TAB)
    summary = page.driver.switch_to.active_element
    expect_equal(summary.tag_name, "summary", "after another Tab")
    opened_before = page.driver.execute_script("return arguments[0].parentElement.open", summary)
    for wanted in (not opened_before, opened_before):
        summary.send_keys(Keys.ENTER)
        expect_equal(page.driver.execute_script("return arguments[0].parentElement.open", summary), wanted, "a pool by Enter")
    outline = page.driver.execute_script("return getComputedStyle(arguments[0]).outlineStyle", summary)
    expect(outline != "none", "the focus is not visible")


def looks(lab):
    """Contrast is sufficient in both schemes, and a phone need not scroll sideways."""
    serve(lab)
    lab.instances["web-2"].lame()
    lab.instances["web-3"].kill()
    wait_for("states", lambda: page.instance("web", "web-2").get("Health") == "lame" and page.instance("web", "web-3").get("Health") == "down")
    for scheme in ("light", "dark"):
        for size in ((1200, 1000), PHONE):
            page.look(scheme, size)
            found = page.driver.execute_script(CONTRASTS)
            expect(len(found) > 40, f"{len(found)} texts")
            poor = [(round(ratio, 2), text) for ratio, text in found if ratio < 4.5]
            expect_equal(poor, [], f"{scheme} {size}: contrast")
            wide = page.driver.execute_script("return document.documentElement.scrollWidth")
            expect(wide <= size[0], f"{scheme} {size}: {wide} pixels wide")
    page.picture("status-page-phone")
    page.look("light")


def restarted(lab):
    """It finds sluiced again, and shows what is true then."""
    serve(lab)
    lab.sluiced.kill()
    wait_for("the loss to be shown", lambda: page.has("state", "Connection lost"))
    lab.sluiced.start()
    wait_for("it to be back", lambda: page.has("state", "Forwarding") and page.instance("web", "web-1").get("Health") == "up")
    times = page.driver.execute_script("return [...document.querySelectorAll('#events time')].map(e => e.dateTime)")
    expect(len(times) > 2 and times == sorted(times, reverse=True), f"events: {times}")


def many(lab):
    """Sixteen pages are served and one more is refused, in words."""
    serve(lab)
    path = lab.run_dir / "metrics.sock"
    others = []
    try:
        for _ in range(PAGES_MAX - 1):
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(path))
            client.sendall(b"GET /live HTTP/1.1\r\nHost: sluice\r\n\r\n")
            others.append(client)
            expect(client.recv(1000).startswith(b"HTTP/1.1 200"), "a page is refused")
        done = run("curl", "-sS", "-m", "20", "--unix-socket", path, "-w", "%{http_code}", "http://sluice/live")
        expect_equal(done.stdout, "too many status pages are open\n503", "the seventeenth")
    finally:
        for client in others:
            client.close()
    wait_for("room", lambda: "event: node" in run("curl", "-sS", "-m", "3", "--unix-socket", path, "http://sluice/live", check=False).stdout)
    page.driver.quit()


if __name__ == "__main__":
    scenario.run(opened, changes, hostile, keyboard, looks, restarted, many)
