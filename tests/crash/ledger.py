# SPDX-License-Identifier: Apache-2.0
"""What the tasks of the crash tests noted outside of berth (crash_task.c), one file a run."""
import os


class Attempt:
    def __init__(self, number):
        self.number, self.notes, self.times, self.pids = number, [], [], set()

    def __repr__(self):
        return f"{self.number}: {self.notes}"

    def words(self, word):
        return [note[1:] for note in self.notes if note[0] == word]


class Ledger:
    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o777)

    def mount(self):
        return f"{self.directory}:/ledger:rw"

    def runs(self):
        return os.listdir(self.directory)

    def attempts(self, run):
        """By number, in the order in which they began."""
        found = {}
        try:
            with open(os.path.join(self.directory, run), encoding="utf-8") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return found
        for line in lines:
            number, pid, when, *note = line.split(" ")
            attempt = found.setdefault(int(number), Attempt(int(number)))
            attempt.notes.append(note)
            attempt.times.append(int(when))
            attempt.pids.add(pid)
        return found

    def tokens(self, run):
        return [words[1] for attempt in self.attempts(run).values()
                for words in attempt.words("token")]
