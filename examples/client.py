#!/usr/bin/env python3
"""Submits a spec with seeds, waits, prints the gap of each run: client.py memorise.json 0 1 2

Reads CONVEXWEB_TOKEN and CONVEXWEB_URL (default http://127.0.0.1:5080) from the environment."""
import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = os.environ.get("CONVEXWEB_URL", "http://127.0.0.1:5080") + "/api/v1"
HEADERS = {"Authorization": "Bearer " + os.environ["CONVEXWEB_TOKEN"], "Content-Type": "application/json"}


def call(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(URL + path, data, HEADERS)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:  # ProblemDetails: the `errors` name the fields
        sys.exit(f"{error.code} {error.read().decode()}")


with open(sys.argv[1], encoding="utf-8") as file:
    spec = json.load(file)
runs = call("/runs", {"spec": spec, "seeds": [int(seed) for seed in sys.argv[2:]] or [0]})["runIds"]
for run in runs:
    while (row := call(f"/runs/{run}")["row"])["state"] in ("Queued", "Running"):
        time.sleep(2)
    print(f"run {run}, seed {row['seed']}: {row['state']}, train {row.get('trainAccuracy')} %, test {row.get('testAccuracy')} %, gap {row.get('gap')}")
