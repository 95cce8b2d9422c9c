"""What a power loss may take from the files of a process, by the log of its calls (calls.c).

The model is a journaling file system: names change in the order of the calls, and syncing a folder makes all earlier
changes of names durable; syncing a file makes the content it has at that moment durable, and no name. Whatever else
was done may be there or not: later names from some moment on, and bytes of a file that were not synced.
"""

import shutil


def read_log(log, cwd):
    """[(letter, path, more)] of the calls, with absolute paths."""
    entries = []
    for line in log.read_text(errors="replace").splitlines():
        letter, path, second, third = line.split("\t")
        entries.append((letter, cwd / path, cwd / second if letter == "R" else second, third))
    return entries


def lose_power(log, cwd, run, random):
    """Change the folder `run` as a power loss may: a list of what was done, in words."""
    entries = [entry for entry in read_log(log, cwd) if run == entry[1] or run in entry[1].parents]
    synced = [i for i, (letter, path, *_) in enumerate(entries) if letter == "S" and path.is_dir()]
    names = [i for i, entry in enumerate(entries) if entry[0] in "RMU" and i > max(synced, default=-1)]
    lost = names[int(random.integers(len(names) + 1)) :] if names else []
    done = []
    sizes = {}  # of the part that is durable, for each file that has been written
    for letter, path, more, _ in entries:
        if letter == "W":
            sizes.setdefault(path, 0)
        elif letter == "S" and not path.is_dir():
            sizes[path] = int(more)
        elif letter == "R" and path in sizes:
            sizes[more] = sizes.pop(path)
    for path, durable in sizes.items():
        size = path.stat().st_size if path.is_file() else 0
        if size > durable and random.random() < 0.8:
            done.append(_damage(path, durable, size, random))
    for i in reversed(lost):
        done.append(_undo(entries[i]))
    return done


def _damage(path, durable, size, random):
    """Cut a file, or fill its end with zeros, somewhere after its first `durable` bytes."""
    start = int(random.integers(durable, size))
    with path.open("rb+") as file:
        file.truncate(start)
        if random.random() < 0.4:
            file.truncate(size)
            return f"{path.name} zero from byte {start} of {size}"
    return f"{path.name} cut to {start} of {size} bytes"


def _undo(entry):
    letter, path, more, kept = entry
    if letter == "M":
        shutil.rmtree(path, ignore_errors=True)
        return f"no folder {path.name}"
    if letter == "R":
        if more.exists():
            more.rename(path)
        path = more
    if kept and path.parent.is_dir():
        shutil.copyfile(kept, path)
    return f"{path.name} as before"
