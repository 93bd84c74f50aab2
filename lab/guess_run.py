# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a family's guessers, lane by lane (guess_lane.py), some lanes at a time; then slow ones by replay."""

import collections
import concurrent.futures
import json
import os
import subprocess
import sys
import threading

import device
import events
import guess_judge
import guess_live
import guess_tools
import logins
import matrix_oracle
import matrix_slow
import net

LANES_AT_ONCE = 4
LANE_S = 300
SPEEDS_S = {"20 s": 20, "60 s": 60}
LANE = os.path.join(device.HERE, "guess_lane.py")
Frame = collections.namedtuple("Frame", "t frame wire")


def missing():
    return guess_tools.missing() + logins.missing()


def lanes(planned):
    """The plan as lanes, in none of which a service is guessed at twice."""
    made = []
    for one in planned:
        service = guess_tools.SERVICE_OF[one[1]]
        for lane in made:
            if service not in {guess_tools.SERVICE_OF[port] for _tool, port, _words in lane}:
                lane.append(one)
                break
        else:
            made.append([one])
    return made


def _lane(family, lane, directory, running):
    """(cells, what else went wrong) of one lane, in a process of its own."""
    words = [f"{tool}:{port}:{kind}" for tool, port, kind in lane]
    with subprocess.Popen([sys.executable, "-B", LANE, str(family), directory, *words], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        running.append(process)
        try:
            out, err = process.communicate(timeout=LANE_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            out, err = process.communicate()
            err = f"not done within {LANE_S} s: {err}"
        running.remove(process)
    said = [json.loads(line) for line in out.splitlines()]
    cells = [guess_live.Cell(**one) for one in said if "wrong" not in one]
    wrong = [one["wrong"] for one in said if "wrong" in one]
    if process.returncode or len(cells) < len(lane):
        wrong.append(f"lane {' '.join(words)}: exit {process.returncode}: {err[-400:]}")
    return cells, wrong


def live(family, planned, directory, say):
    """(cells, what else went wrong) of all lanes."""
    cells, wrong, running, lock = [], [], [], threading.Lock()

    def one(lane):
        found, bad = _lane(family, lane, directory, running)
        with lock:
            for cell in found:
                say(cell)
            cells.extend(found)
            wrong.extend(bad)

    try:
        with concurrent.futures.ThreadPoolExecutor(LANES_AT_ONCE) as pool:
            for job in [pool.submit(one, lane) for lane in lanes(planned)]:
                job.result()
    finally:
        for process in list(running):  # each ends what it made
            process.terminate()
            process.wait(30)
    return cells, wrong


def _slowed(path, steps, delay_s):
    """The capture, with its runs so far apart."""
    frames = [Frame(*one) for one in matrix_oracle.records(path)]
    out = []
    for frame in frames:
        number = max(n for n, began in enumerate(steps) if began <= frame.t or n == 0)
        late = max(0, min(frame.t - steps[number], delay_s * 1000000 - 1))
        out.append(frame._replace(t=matrix_slow.BEGIN_US + number * delay_s * 1000000 + late))
    return sorted(out, key=lambda f: f.t)


def _replay(path):
    homes = [word for home in matrix_slow.HOMES for word in ("--home", home)]
    done = subprocess.run([device.sensor_path(), "replay", "--quiet", *homes, path], text=True,
                          capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"replay ended with {done.returncode}: {done.stderr[-300:]}")
    return events.parse_lines(done.stdout)


def _slow_cell(name, tool, port, family, speed, directory):
    with open(os.path.join(directory, name + ".steps"), encoding="utf-8") as file:
        told = json.load(file)
    path = os.path.join(directory, f"{name}-slow.pcap")
    matrix_slow.write(path, _slowed(os.path.join(directory, name + ".pcap"), told["steps"],
                                    SPEEDS_S[speed]))
    cell = guess_live.Cell(tool, port, family, guess_live.SINGLE, speed)
    steps = [matrix_slow.BEGIN_US + n * SPEEDS_S[speed] * 1000000 for n in range(len(told["steps"]))]
    cell.measure(_replay(path), guess_judge.connections(path, told["addresses"]), told["addresses"], steps)
    if not cell.found:
        cell.why = cell.why or "not found"
    elif cell.ended > guess_judge.SLOW_BAR:
        cell.why = f"{cell.ended} connections had ended, more than {guess_judge.SLOW_BAR}"
    return cell


def slow(family, planned, directory, say):
    """The cells of those that were run once for each word, as if so slow."""
    cells = []
    for tool, port, words in planned:
        name = f"{tool}-{port}-v{family}-{words}"
        if words != guess_live.SINGLE or not os.path.exists(os.path.join(directory, name + ".pcap")):
            continue
        for speed in SPEEDS_S:
            cells.append(_slow_cell(name, tool, port, family, speed, directory))
            say(cells[-1])
    return cells


def run(family, planned, say):
    """(cells, what else went wrong)."""
    directory = os.environ.get("MIMAMORI_LAB_KEEP") or net.directory()
    cells, wrong = live(family, planned, directory, say)
    return cells + slow(family, planned, directory, say), wrong
