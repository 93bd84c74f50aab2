# SPDX-License-Identifier: GPL-2.0-or-later
"""
The device's servers that ask for a password, all real ones but for RTSP and digests (digests.py):

    21   vsftpd                       22   OpenSSH sshd             80    nginx, basic
    23   busybox telnetd and login    2222 dropbear                 8080  busybox httpd, basic
    2323 busybox telnetd and the      554  RTSP, digest             8081  HTTP, digest
         distribution's login, by PAM 1883 mosquitto

They run in a cell (cell.py) where /etc/passwd, /etc/shadow and PAM's files are the lab's own: its users
exist nowhere else. rsyslogd writes what they tell /dev/log into .auth_log, as a distribution has it.
"""

import os
import shutil
import subprocess
import sys

import capture
import device
import net

USER, PASSWORD = "worker", "correct-horse-7"
FTP, SSH, TELNET, HTTP, RTSP, MQTT = 21, 22, 23, 80, 554, 1883
DROPBEAR, LOGIN_TELNET, BUSYBOX_HTTP, DIGEST_HTTP = 2222, 2323, 8080, 8081
PORTS = (FTP, SSH, TELNET, HTTP, RTSP, MQTT, DROPBEAR, LOGIN_TELNET, BUSYBOX_HTTP, DIGEST_HTTP)
NEEDS = ("sshd", "dropbear", "busybox", "vsftpd", "nginx", "mosquitto", "mosquitto_passwd", "openssl",
         "rsyslogd")
PAM = {
    # As Debian's, without what needs a login manager or the host's own files.
    "login": "auth optional pam_faildelay.so delay=3000000\n",
    "sshd": "", "vsftpd": "", "other": "",
}
PAM_COMMON = """auth [success=1 default=ignore] pam_unix.so nullok
auth requisite pam_deny.so
auth required pam_permit.so
account required pam_unix.so
session required pam_unix.so
password required pam_deny.so
"""
SSHD = """AddressFamily any
UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UseDNS no
PidFile none
MaxStartups 100:30:200
Subsystem sftp internal-sftp
"""
VSFTPD = """listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
pam_service_name=vsftpd
secure_chroot_dir=/run/vsftpd
seccomp_sandbox=NO
"""
RSYSLOG = """module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{socket}" CreatePath="off")
module(load="builtin:omfile" Template="RSYSLOG_TraditionalFileFormat")
global(workDirectory="{directory}")
auth,authpriv.* {auth_log}
*.*;auth,authpriv.none {directory}/other.log
"""
NGINX = """daemon off;
user root;
worker_processes 1;
pid {directory}/nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {directory}/n1;
    proxy_temp_path {directory}/n2;
    fastcgi_temp_path {directory}/n3;
    uwsgi_temp_path {directory}/n4;
    scgi_temp_path {directory}/n5;
    server {{
        listen {port};
        listen [::]:{port};
        root {directory}/www;
        auth_basic "device";
        auth_basic_user_file {directory}/htpasswd;
    }}
}}
"""


def missing():
    """The servers of these that are not installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [name for name in NEEDS if not shutil.which(name, path=path)]


class Logins:
    """The servers, with .key, .key_of (name: path) of good keys, .auth_log, and .home of USER."""

    def __init__(self, namespace, directory):
        self.namespace, self.directory = namespace, os.path.join(directory, "logins")
        self.auth_log = os.path.join(directory, "auth.log")
        self.home = self._path("home", USER)
        self.key = self._path("key")
        for name in "home", "run/sshd", "run/vsftpd", "log", "pam.d", "www":
            os.makedirs(self._path(name), exist_ok=True)
        self._users()
        over = [f"{self._path(a)}:{b}" for a, b in (
            ("home", "/home"), ("run", "/run"), ("log", "/var/log"), ("passwd", "/etc/passwd"),
            ("shadow", "/etc/shadow"), ("group", "/etc/group"), ("pam.d", "/etc/pam.d"))]
        commands = [self._sshd(), self._dropbear(), self._vsftpd(), self._nginx(), self._httpd(),
                    self._mosquitto(), self._digests(), *self._telnetds()]
        self.syslog = self._syslog()
        with open(self._path("output"), "ab") as log:
            self.process = namespace.popen(
                [sys.executable, "-B", os.path.join(device.HERE, "cell.py"), self._path("socket"),
                 f"{self.directory}:{self.directory}", *over,
                 *(word for argv in commands for word in ("--", *map(str, argv)))],
                stdout=log, stderr=log)
        for port in PORTS:
            net.wait_for(lambda port=port: device.listening(namespace, capture.TCP, port), 15,
                         f"a login server on port {port} ({self._path('output')})")

    def _path(self, *parts):
        return os.path.join(self.directory, *parts)

    def _write(self, name, text, mode=0o644):
        path = self._path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def _hash(self, *options):
        # The oldest kind, which every login server reads, and which costs the least of a busy CPU.
        return net.command(["openssl", "passwd", *options, "-salt", "mimamori", PASSWORD]).strip()

    def _users(self):
        for name in "passwd", "group":
            with open(f"/etc/{name}", encoding="utf-8") as file:
                text = file.read()
            self._write(name, text + (f"{USER}:x:4711:4711::/home/{USER}:/bin/sh\n"
                                      if name == "passwd" else f"{USER}:x:4711:\n"))
        self._write("shadow", f"root:*:19000:0:99999:7:::\n{USER}:{self._hash('-1')}:19000:0:99999:7:::\n",
                    0o640)
        for name, text in PAM.items():
            self._write(f"pam.d/{name}", text + PAM_COMMON)
        os.makedirs(os.path.join(self.home, ".ssh"))
        net.command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key])
        shutil.copy(self.key + ".pub", os.path.join(self.home, ".ssh", "authorized_keys"))
        self._write(f"home/{USER}/notes.txt", "what a user keeps\n" * 400)
        net.command(["chown", "-R", "4711:4711", self.home])

    def _syslog(self):
        config = self._write("rsyslog.conf", RSYSLOG.format(
            socket=self._path("socket"), directory=self.directory, auth_log=self.auth_log))
        syslog = self.namespace.popen(["rsyslogd", "-n", "-f", config, "-i", self._path("syslog.pid")],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        net.wait_for(lambda: os.path.exists(self._path("socket")), 10, "the lab's syslog daemon")
        return syslog

    def _sshd(self):
        net.command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._path("host-key")])
        config = self._write("sshd.conf", f"Port {SSH}\nHostKey {self._path('host-key')}\n" + SSHD)
        return ["/usr/sbin/sshd", "-D", "-f", config]

    def _dropbear(self):
        net.command(["dropbearkey", "-t", "ed25519", "-f", self._path("dropbear-key")])
        return ["dropbear", "-F", "-p", DROPBEAR, "-r", self._path("dropbear-key"),
                "-P", self._path("dropbear.pid")]

    def _vsftpd(self):
        return ["vsftpd", self._write("vsftpd.conf", f"listen_port={FTP}\n" + VSFTPD)]

    def _nginx(self):
        self._write("www/index.html", "all is well\n")
        self._write("htpasswd", f"{USER}:{self._hash('-apr1')}\n")
        config = self._write("nginx.conf", NGINX.format(directory=self.directory, port=HTTP))
        return ["nginx", "-c", config, "-e", self._path("nginx.log")]

    def _httpd(self):
        config = self._write("httpd.conf", f"/:{USER}:{PASSWORD}\n")
        return ["busybox", "httpd", "-f", "-p", BUSYBOX_HTTP, "-r", "device", "-c", config,
                "-h", self._path("www")]

    def _mosquitto(self):
        users = self._path("mosquitto.users")
        net.command(["mosquitto_passwd", "-c", "-b", users, USER, PASSWORD])
        os.chmod(users, 0o644)
        return ["mosquitto", "-c", self._write("mosquitto.conf", f"listener {MQTT}\n"
                                               "allow_anonymous false\nlog_dest none\n"
                                               f"password_file {users}\n")]

    @staticmethod
    def _digests():
        return [sys.executable, "-B", os.path.join(device.HERE, "digests.py"), USER, PASSWORD,
                f"rtsp:{RTSP}", f"http:{DIGEST_HTTP}"]

    def _telnetds(self):
        # What a camera has: login within busybox, which tells nobody who failed.
        os.symlink(shutil.which("busybox"), self._path("login"))
        issue = self._write("issue", "camera\n")
        return (["busybox", "telnetd", "-F", "-p", TELNET, "-f", issue, "-l", self._path("login")],
                ["busybox", "telnetd", "-F", "-p", LOGIN_TELNET, "-f", issue, "-l", "/bin/login"])
