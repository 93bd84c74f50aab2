# SPDX-License-Identifier: GPL-2.0-or-later
"""A file tree in memory, and the two things made of it: an initial RAM disk and an ext4 disk.

Both come out the same, byte by byte, wherever and by whomever they are made: names are sorted, owners and
modes are the tree's own, all times are the one that is asked for, and so is each identifier. No root and no
mount is needed.
"""

import gzip
import os
import stat
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import NamedTuple

from . import BuildError

# The kernels of the decoys know these; checksums of metadata would need a module before the disk is there.
FEATURES = "none,filetype,extent,sparse_super,large_file,dir_index,ext_attr,resize_inode"


def uncommented(text: bytes) -> bytes:
    """A script without its lines of comment: those explain to us what attackers need not know."""
    if not text.startswith(b"#!"):
        return text
    first, *lines = text.splitlines(keepends=True)
    return first + b"".join(line for line in lines if not line.lstrip().startswith(b"#"))


class Node(NamedTuple):
    mode: int  # with its type, as stat has it
    data: bytes = b""  # a file's bytes, a symbolic link's target
    owner: int = 0  # user and group alike
    device: tuple[int, int] = (0, 0)


class Tree:
    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}

    def folder(self, path: str, mode: int = 0o755, owner: int = 0) -> None:
        """Makes a folder, and those above it that are not there."""
        above = os.path.dirname(path)
        if above and above not in self.nodes:
            self.folder(above)
        self.nodes[path] = Node(stat.S_IFDIR | mode, owner=owner)

    def _put(self, path: str, node: Node) -> None:
        above = os.path.dirname(path)
        if above and above not in self.nodes:
            self.folder(above)
        self.nodes[path] = node

    def file(self, path: str, data: bytes | str, mode: int = 0o644, owner: int = 0) -> None:
        data = data.encode() if isinstance(data, str) else data
        self._put(path, Node(stat.S_IFREG | mode, data, owner))

    def link(self, path: str, target: str) -> None:
        self._put(path, Node(stat.S_IFLNK | 0o777, target.encode()))

    def special(self, path: str, mode: int, major: int, minor: int) -> None:
        """A device; `mode` has its type."""
        self._put(path, Node(mode, device=(major, minor)))

    def add(self, source: Path, under: str = "", **replace: str) -> None:
        """Adds a folder's content; @WORD@ in text becomes what `replace` has for it, and scripts lose
        their comments."""
        for path in sorted(source.rglob("*")):
            name = os.path.join(under, str(path.relative_to(source)))
            if path.is_symlink():
                self.link(name, os.readlink(path))
            elif path.is_dir():
                self.folder(name)
            else:
                data = uncommented(path.read_bytes())
                for word, value in replace.items():
                    data = data.replace(f"@{word}@".encode(), value.encode())
                self.file(name, data, 0o755 if os.access(path, os.X_OK) else 0o644)

    def sorted(self) -> list[tuple[str, Node]]:
        return sorted(self.nodes.items())


def cpio(tree: Tree, date: int) -> bytes:
    """The tree as a gzipped archive that Linux unpacks (Documentation/driver-api/early-userspace, "newc")."""
    out = bytearray()

    def entry(number: int, name: str, node: Node) -> None:
        major, minor = node.device
        fields = (number, node.mode, node.owner, node.owner, 1, date, len(node.data), 0, 0,
                  major, minor, len(name) + 1, 0)
        out.extend(b"070701" + b"".join(b"%08X" % field for field in fields))
        for part in (name.encode() + b"\0", node.data):
            out.extend(part)
            out.extend(b"\0" * (-len(out) % 4))

    for number, (name, node) in enumerate(tree.sorted(), 1):
        entry(number, name, node)
    entry(0, "TRAILER!!!", Node(0))
    return gzip.compress(bytes(out), 9, mtime=0)


def run(argv: list[str], **more) -> None:
    """Runs a program, whose own words tell why it failed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        raise BuildError(f"{argv[0]} failed: {(done.stderr or done.stdout).strip()[-400:]}")


def _materialize(tree: Tree, where: Path) -> None:
    for name, node in tree.sorted():
        path = where / name
        if stat.S_ISDIR(node.mode):
            path.mkdir()
        elif stat.S_ISLNK(node.mode):
            os.symlink(node.data, path)
        elif stat.S_ISREG(node.mode):
            path.write_bytes(node.data)


def _fields(tree: Tree, date: int) -> str:
    """What debugfs has to do: mke2fs takes owners, modes and times from the builder's own files."""
    lines = []
    for name, node in [("", Node(stat.S_IFDIR | 0o755)), *tree.sorted()]:
        path = '"/' + name + '"'
        if not (stat.S_ISDIR(node.mode) or stat.S_ISLNK(node.mode) or stat.S_ISREG(node.mode)):
            raise BuildError(f"{name}: a disk's devices are made by its kernel")
        lines.append(f"sif {path} mode 0{node.mode:o}")
        for field in ("uid", "gid"):
            lines.append(f"sif {path} {field} {node.owner}")
        for field in ("atime", "ctime", "mtime", "crtime"):
            lines.append(f"sif {path} {field} @{date}")
    for field in ("atime", "ctime", "mtime", "crtime"):
        lines.append(f"sif /lost+found {field} @{date}")
    return "\n".join(lines) + "\n"


def ext4(tree: Tree, identifier: bytes, date: int, size_mb: int, disk: Path) -> None:
    """Writes the tree as a file system without a partition table, in a qcow2 of `size_mb`. `identifier`: 16
    bytes or more for its UUID; `date`: of all that is in it, seconds since 1970."""
    identity = str(uuid.UUID(bytes=identifier[:16], version=4))
    env = {**os.environ, "E2FSPROGS_FAKE_TIME": str(date), "LC_ALL": "C", "TZ": "UTC",
           "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    with tempfile.TemporaryDirectory(dir=disk.parent) as scratch:
        root = Path(scratch, "root")
        root.mkdir()
        _materialize(tree, root)
        raw = Path(scratch, "raw")
        run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", FEATURES, "-b", "1024" if size_mb < 256 else "4096", "-I", "256",
             "-m", "0", "-U", identity, "-E",
             f"hash_seed={identity},lazy_itable_init=0,root_owner=0:0", "-d", str(root),
             str(raw), f"{size_mb}M"], env=env)
        script = Path(scratch, "fields")
        script.write_text(_fields(tree, date))
        run(["debugfs", "-w", "-f", str(script), str(raw)], env=env)
        run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(disk)])
