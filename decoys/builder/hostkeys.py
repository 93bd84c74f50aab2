# SPDX-License-Identifier: GPL-2.0-or-later
"""What is this machine's own in a decoy: its ssh host keys, and what is derived from them.

The keys are made when first asked for and kept from then on. They are in the image, since a decoy that made them
at boot would have others after each cold start; they are of this machine alone, since what all installations
share would tell a decoy by one look. So are salts of passwords, identifiers of file systems and
serial numbers of disks: they come of a hash of the keys, which does not lead back to them.
"""

import hashlib

from . import Absent, tree
from .store import Store

# File -> what makes it; the file's name is added.
DROPBEAR = {
    "dropbear_ed25519_host_key": ["dropbearkey", "-t", "ed25519", "-f"],
    "dropbear_rsa_host_key": ["dropbearkey", "-t", "rsa", "-s", "2048", "-f"],
}
OPENSSH = {
    "ssh_host_ed25519_key": ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f"],
    "ssh_host_rsa_key": ["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-C", "", "-f"],
}

Keys = dict[str, bytes]  # file -> content; OpenSSH's public ones are files too


def get(cache: Store, name: str, kinds: dict[str, list[str]]) -> Keys:
    """Those of this decoy of this machine."""
    mine = cache.root / "hostkeys" / name
    if any(not (mine / file).exists() for file in kinds):
        if cache.looking:
            raise Absent(f"{name} has no ssh host keys yet")
        with cache.lock(f"hostkeys-{name}"):
            mine.mkdir(parents=True, exist_ok=True, mode=0o700)
            for file, command in kinds.items():
                if not (mine / file).exists():
                    _make(mine / file, command)
    files = [mine / (file + end) for file in kinds for end in ("", ".pub")]
    return {path.name: path.read_bytes() for path in files if path.exists()}


def _make(path, command: list[str]) -> None:
    draft, public = path.with_name("draft"), path.with_name("draft.pub")
    for stale in (draft, public):
        stale.unlink(missing_ok=True)
    tree.run([*command, str(draft)])
    if public.exists():
        public.rename(path.with_name(path.name + ".pub"))
    draft.rename(path)


def derived(keys: Keys, purpose: str) -> bytes:
    """32 bytes that another machine, and another purpose, has not."""
    whole = hashlib.sha256()
    for name, data in sorted(keys.items()):
        whole.update(f"{name} {len(data)}\n".encode() + data)
    return hashlib.sha256(whole.digest() + purpose.encode()).digest()
