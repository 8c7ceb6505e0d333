#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the words of a text file: `words` cuts it into parts and waits for a run of `words.part` for
each, `words.part` counts line by line, with a checkpoint every few lines."""
import collections
import json
import re
import sys
import time

from channel import Channel

LINES_A_STEP = 50


def split(channel, payload):
    with open(payload["file"], encoding="utf-8") as file:
        count = sum(1 for _ in file)
    size = -(-count // payload.get("parts", 2))
    items = [{"task": "words.part",
              "payload": {**payload, "from": start, "to": min(start + size, count)}}
             for start in range(0, count, size)]
    # while it waits it holds no place in its queue and no CPU
    batch = channel.ask("batch_and_wait", wait="parts", items=items)["results"][0]
    results = batch["output"]
    failed = [result["id"] for result in results if not result["ok"]]
    if failed:
        channel.ask("fail", kind="permanent", name="PartFailed", message=", ".join(failed))
        return 65
    total = collections.Counter()
    for result in results:
        total.update(result["output"])
    channel.ask("output", data={"lines": count, "words": dict(total.most_common(10))})
    return 0


def count_part(channel, payload):
    begin, end = payload["from"], payload["to"]
    state = channel.restore("state", {"next": begin, "words": {}})
    if state["next"] > begin:
        print(f"going on at line {state['next']}", flush=True)
    words = collections.Counter(state["words"])
    with open(payload["file"], encoding="utf-8") as file:
        lines = file.readlines()[:end]
    for start in range(state["next"], end, LINES_A_STEP):
        if channel.cancelled:
            return 75  # the checkpoint is there: another attempt goes on
        step = lines[start:start + LINES_A_STEP]
        words.update(word for line in step for word in re.findall(r"\w+", line.lower()))
        done = start + len(step)
        channel.ask("checkpoint", name="state", data={"next": done, "words": words})
        channel.ask("progress", percent=100 * (done - begin) / (end - begin))
        time.sleep(payload.get("pause", 0))
    channel.ask("output", data=words)
    return 0


def main():
    channel = Channel()
    payload = channel.hello["payload"]
    try:
        return {"words": split, "words.part": count_part}[channel.hello["task"]](channel, payload)
    except (KeyError, TypeError, OSError) as error:
        message = f"{type(error).__name__}: {error}"
        channel.ask("fail", kind="permanent", name="InvalidPayload", message=message)
        print(json.dumps(payload), message, file=sys.stderr)
        return 65


if __name__ == "__main__":
    sys.exit(main())
