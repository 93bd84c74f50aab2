# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary life: packages, browsers, servers that restart under load."""

import os
import subprocess
import threading
import time

import device
import net
from case import check
from life import FAR, act

MIRROR = 8000
HTTP2 = 8082
MAKING = threading.Lock()


def nginx(life, where, port, root, name, options=""):
    """A web server of the files in root; its process."""
    base = life.path(name, "x")[:-2]
    temporary = "".join(f"    {kind}_temp_path {base}/{kind};\n" for kind in (
        "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = life.write(f"{name}.conf", f"""
daemon off;
user root;
worker_processes 1;
pid {base}/pid;
error_log {base}/log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_timeout 2;
{temporary}    server {{
        listen {port}{options};
        listen [::]:{port}{options};
        root {root};
        autoindex on;
    }}
}}
""")
    process = life.start(where, ["nginx", "-c", config, "-e", f"{base}/log"], name)
    net.wait_for(lambda: device.listening(where, 6, port), 10, f"nginx on port {port}")
    return process


def _mirror(life):
    """A folder with a small Debian archive and a site of many files."""
    root = life.path("mirror", "x")[:-2]
    with MAKING:
        if not os.path.exists(life.path("mirror", "Packages")):
            _make_mirror(life, root)
    return root


def _make_mirror(life, root):
    life.write("mirror/index.html", "all is well\n")
    for number in range(120):
        life.write(f"mirror/site/{number}.html", f"page {number}\n" * 300)
    for number in range(12):
        tree = os.path.dirname(life.path("deb", str(number), "DEBIAN", "x"))
        life.write(f"deb/{number}/DEBIAN/control", f"Package: ordinary-{number}\nVersion: 1\n"
                   "Architecture: all\nMaintainer: lab <lab@example.com>\nDescription: nothing\n")
        life.write(f"deb/{number}/usr/share/ordinary/{number}", "x" * 40000)
        net.command(["dpkg-deb", "-b", "-Znone", os.path.dirname(tree), root])
    life.write("mirror/Packages", _index(root))


def _index(root):
    """What dpkg-scanpackages would write, without dpkg-dev."""
    paragraphs = []
    for name in sorted(os.listdir(root)):
        if name.endswith(".deb"):
            path = os.path.join(root, name)
            fields = net.command(["dpkg-deb", "-f", path]).strip()
            digest = net.command(["sha256sum", path]).split()[0]
            paragraphs.append(f"{fields}\nFilename: ./{name}\nSize: {os.path.getsize(path)}\n"
                              f"SHA256: {digest}\n")
    return "\n".join(paragraphs)


def _apt(life, where):
    """apt-get with a state of its own; how many packages it fetched."""
    base = life.path("apt", "lists", "partial", "x").split("/lists")[0]
    for folder in "archives/partial", "down", "etc/preferences.d", "etc/apt.conf.d":
        os.makedirs(os.path.join(base, folder), exist_ok=True)
    life.write("apt/status", "")
    host = f"[{FAR[1]}]" if life.forwards else FAR[0]
    life.write("apt/sources.list", f"deb [trusted=yes] http://{host}:{MIRROR} ./\n")
    options = [word for key, value in (
        ("Dir::State::lists", f"{base}/lists"), ("Dir::State::status", f"{base}/status"),
        ("Dir::Etc", f"{base}/etc"), ("Dir::Etc::sourcelist", f"{base}/sources.list"),
        ("Dir::Etc::sourceparts", "-"), ("Dir::Cache", base), ("APT::Sandbox::User", "root"),
        ("Acquire::Languages", "none"), ("Debug::NoLocking", "true"),
    ) for word in ("-o", f"{key}={value}")]
    where.run(["apt-get", *options, "update"])
    where.run(["apt-get", *options, "download", *(f"ordinary-{n}" for n in range(12))],
              cwd=os.path.join(base, "down"))
    names = os.listdir(os.path.join(base, "down"))
    for name in names:
        os.unlink(os.path.join(base, "down", name))
    return len(names)


@act("packages", "apt-get", "dpkg-deb", "nginx", "wget", "curl")
def packages(life):
    """The device installs packages and mirrors a site, over both families."""
    server = nginx(life, life.far, MIRROR, _mirror(life), "mirror-far")
    try:
        fetched = _apt(life, life.device)
        life.device.run(["wget", "-q", "-r", "-l", "1", "-nd", "-P", life.path("wget", "x")[:-2],
                         f"http://{FAR[0]}:{MIRROR}/site/"])
        urls = life.write("urls", "".join(
            f'url = "http://[{FAR[1]}]:{MIRROR}/site/{n}.html"\noutput = "/dev/null"\n'
            for n in range(120)))
        life.device.run(["curl", "-sS", "-g", "--parallel", "--parallel-max", "30", "-K", urls])
        files = len(os.listdir(life.path("wget", "x")[:-2]))
    finally:
        life.end(server)
    check(fetched == 12 and files >= 120, f"{fetched} packages, {files} files: a bad lab")
    return f"apt-get fetched {fetched} packages, wget {files} files, curl 120 in parallel"


@act("downloads-from-device", "nginx", "wget", "curl")
def downloads_from_device(life):
    """Others install from the device: in parallel, near and far."""
    server = nginx(life, life.device, MIRROR, _mirror(life), "mirror-device")
    v4, v6 = life.neighbour("downloads-from-device")
    s4, s6 = life.stranger("downloads-from-device")
    try:
        for where, source, target in ((life.near, v4, "10.7.0.1"), (life.near, v6, "[fd07::1]"),
                                      (life.far, s4, "10.7.0.1"),
                                      (life.far, s6, "[2001:db8:7::1]")):
            urls = life.write("urls-device", "".join(
                f'url = "http://{target}:{MIRROR}/site/{n}.html"\noutput = "/dev/null"\n'
                for n in range(100)))
            where.run(["curl", "-sS", "-g", "--interface", source, "--parallel", "--parallel-max",
                       "24", "-K", urls])
    finally:
        life.end(server)
    return "four clients fetched a hundred files each"


@act("browsers")
def browsers(life):
    """Parallel connections, kept alive, preconnects closed unused, pages left in a hurry."""
    done = 0
    for where, people, targets in (
            (life.near, life.neighbour("browsers"), ("10.7.0.1", "fd07::1")),
            (life.far, life.stranger("browsers"), ("10.7.0.1", "2001:db8:7::1"))):
        for source, target in zip(people, targets):
            done += life.do(where, "browse", source, target, device.HTTP)
    check(done == 4 * 48, f"{done} connections: a bad lab")
    return f"{done} connections of four browsers"


@act("http2", "nginx", "h2load")
def http2(life):
    """HTTP/2 with many streams on few connections, and HTTP/1 with many connections."""
    server = nginx(life, life.device, HTTP2, _mirror(life), "http2", " http2")
    try:
        for target in "10.7.0.1", "[2001:db8:7::1]":
            life.far.run(["h2load", "-n", "600", "-c", "6", "-m", "20",
                          f"http://{target}:{HTTP2}/site/1.html"])
            life.far.run(["h2load", "--h1", "-n", "600", "-c", "30", f"http://{target}/"])
    finally:
        life.end(server)
    return "2400 requests"


@act("restart-under-load", "nginx")
def restart_under_load(life):
    """A service restarts while two dozen clients use it: refused for two seconds."""
    root, port = _mirror(life), 8090
    server, people = nginx(life, life.device, port, root, "restart"), []
    for where, one, targets in (
            [(life.far, s, ("10.7.0.1", "2001:db8:7::1"))
             for s in life.strangers("restart-under-load", 4)]
            + [(life.near, life.neighbour("restart-under-load"), ("10.7.0.1", "fd07::1"))]):
        for source, target in zip(one, targets):
            people.append(where.popen(life.habit("insist", 5, source, target, port, 4),
                                      stdout=subprocess.PIPE, text=True))
    time.sleep(1)
    life.end(server)
    time.sleep(2)
    server = nginx(life, life.device, port, root, "restart")
    counts = [int(one.communicate(timeout=20)[0]) for one in people]
    life.end(server)
    check(all(counts), f"pages: {counts}: a bad lab")
    return f"{len(counts)} hosts with four clients each fetched {sum(counts)} pages"


@act("half-dead")
def half_dead(life):
    """Clients sleep while the device restarts its service, and wake with old connections."""
    server = nginx(life, life.device, 8091, _mirror(life), "sleeper")
    people = [(life.far, *pair) for one in life.strangers("half-dead", 3)
              for pair in zip(one, ("10.7.0.1", "2001:db8:7::1"))]
    people += [(life.near, *pair) for pair in zip(life.neighbour("half-dead"),
                                                  ("10.7.0.1", "fd07::1"))]
    holds = [where.popen(life.habit("hold", source, target, 8091, 8, 4), stdout=subprocess.PIPE,
                         text=True) for where, source, target in people]
    time.sleep(1.5)
    life.device.nft("table inet asleep { chain output { type filter hook output priority 0; "
                    "tcp sport 8091 drop; }; }")
    try:
        life.end(server)
        time.sleep(0.5)
    finally:
        life.device.run(["nft", "delete", "table", "inet", "asleep"])
    counts = [int(one.communicate(timeout=20)[0]) for one in holds]
    check(sum(counts), f"{counts} connections: a bad lab")
    return f"{sum(counts)} connections were used after the device had forgotten them"


@act("behind-gateway", "nginx", "curl", behind=True)
def behind_gateway(life):
    """A machine behind the device browses and asks names outside; strangers use its web server."""
    outside = nginx(life, life.far, 8001, _mirror(life), "outside")
    inside = nginx(life, life.network.container, 80, _mirror(life), "inside")
    done = 0
    try:
        for address in FAR:
            host = f"[{address}]" if ":" in address else address
            urls = life.write(f"urls-behind-{host}", "".join(
                f'url = "http://{host}:8001/site/{n}.html"\noutput = "/dev/null"\n'
                for n in range(60)))
            life.network.container.run(["curl", "-sS", "-g", "--parallel", "--parallel-max", "20",
                                        "-K", urls])
        for source, target in zip(life.stranger("behind-gateway"), ("172.30.0.2", "fd30::2")):
            done += life.do(life.far, "browse", source, target, 80)
            life.do(life.far, "retry", source, target, 1883, 10, 50)
    finally:
        life.end(outside, inside)
    check(done == 2 * 48, f"{done} connections: a bad lab")
    return f"120 pages from outside, {done} connections from there"
