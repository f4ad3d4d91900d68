#!/usr/bin/python3
"""Proves the power cut shim: check.py TOOLS (the folder build.sh filled). Exit code 0 if every claim holds.

A writer is killed with SIGKILL in the middle of its work, then the undo tool is run. SQLite with synchronous=FULL must have
every row it reported, with OFF it must have lost some (else the shim sees nothing); renamed and removed files come back unless
their folder was synced; a write without sync is gone.
"""
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile

TOOLS = os.path.abspath(sys.argv[1])

SQLITE = """
import sqlite3, sys, threading
path, level, journal, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
sqlite3.connect(path).executescript(f"PRAGMA journal_mode={journal}; CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, v)")
lock = threading.Lock()
def write(worker):
    base = sqlite3.connect(path, isolation_level=None, timeout=60)
    base.execute(f"PRAGMA journal_mode={journal}")
    base.execute(f"PRAGMA synchronous={level}")
    for i in range(10**9):
        with lock:
            number = base.execute("INSERT INTO t(v) VALUES(?)", (str(worker) * (i * 37 % 3000),)).lastrowid
            print(number, flush=True)
for worker in range(threads): threading.Thread(target=write, args=(worker,)).start()
"""

FILES = """
import os, sys
os.chdir(sys.argv[1])
def put(name, text, sync):
    with open(name, "w") as file:
        file.write(text); file.flush()
        if sync: os.fsync(file.fileno())
def sync_folder():
    folder = os.open(".", os.O_RDONLY); os.fsync(folder); os.close(folder)
put("kept", "synced", True)
put("changed", "before", True); put("changed", "after", False)
put("new", "never synced", False)
put("replaced", "old", True); put("replaced.tmp", "new", True); os.rename("replaced.tmp", "replaced")
put("removed", "here", True); os.unlink("removed")
with open("log", "a") as log:
    log.write("one\\n"); log.flush(); os.fsync(log.fileno()); log.write("two\\n"); log.flush()
os.mkdir("deep"); os.chdir("deep")
put("replaced", "old", True); put("replaced.tmp", "new", True); os.rename("replaced.tmp", "replaced"); sync_folder()
put("removed", "here", True); os.unlink("removed"); sync_folder()
print("done", flush=True)
import time; time.sleep(60)
"""


def kill_after(program, arguments, directory, lines):
    """Runs a program under the shim, kills it after it has printed so many lines, and returns all it printed."""
    environment = {**os.environ, "LD_PRELOAD": f"{TOOLS}/powercut.so", "POWERCUT_DIR": directory, "POWERCUT_FAST": "1"}
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], env=environment, stdout=subprocess.PIPE, text=True)
    printed = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    printed += process.stdout.read().splitlines(True)
    process.wait()
    return [line.strip() for line in printed if line.endswith("\n")]


def undo(directory, *seed):
    subprocess.run([f"{TOOLS}/powercut", "undo", directory, *seed], check=True, stdout=subprocess.DEVNULL)
    assert not os.path.exists(f"{directory}/.undo")


def lost_rows(level, journal, threads, lines, seed=()):
    """How many of the reported rows a power cut takes."""
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/base.db"
        reported = {int(line) for line in kill_after(SQLITE, [path, level, journal, str(threads)], directory, lines)}
        undo(directory, *seed)
        assert not os.path.exists(f"{path}-shm")
        if not os.path.exists(path):
            return len(reported)
        base = sqlite3.connect(path)
        if level != "OFF":
            assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        elif not base.execute("SELECT 1 FROM sqlite_master").fetchone():
            return len(reported)
        return len(reported - {row[0] for row in base.execute("SELECT id FROM t")})


def read(directory, name):
    path = f"{directory}/{name}"
    return open(path).read() if os.path.exists(path) else None


def check_files():
    with tempfile.TemporaryDirectory() as directory:
        assert kill_after(FILES, [directory], directory, 1) == ["done"]
        assert read(directory, "new") == "never synced"
        undo(directory)
        found = {name: read(directory, name) for name in ("kept", "changed", "new", "replaced", "removed", "log")}
        deep = {name: read(directory, f"deep/{name}") for name in ("replaced", "removed")}
    assert found == {
        "kept": "synced", "changed": "before", "new": None, "replaced": "old", "removed": "here", "log": "one\n",
    }, found
    assert deep == {"replaced": "new", "removed": None}, deep


def main():
    check_files()
    # With a deleted journal FULL does not sync the folder, so the journal may come back and undo a commit; EXTRA does.
    for journal, level in (("WAL", "FULL"), ("TRUNCATE", "FULL"), ("DELETE", "EXTRA")):
        for threads, lines in ((1, 3), (1, 400), (4, 700)):
            assert lost_rows(level, journal, threads, lines) == 0, (journal, threads, lines)
            assert lost_rows(level, journal, threads, lines, (str(lines),)) == 0, (journal, threads, lines)
        assert lost_rows("OFF", journal, 1, 200) > 0, journal
    print("powercut: all claims hold")


main()
