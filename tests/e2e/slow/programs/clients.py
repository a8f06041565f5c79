# SPDX-License-Identifier: BSD-2-Clause
"""What feeds servers that are none of the web's: clients.py SECONDS NAME PORT-OR-FILE.

Feeds one for so many seconds, and prints how often it was answered.
"""
import concurrent.futures
import smtplib
import sys
import time

END = time.monotonic() + float(sys.argv[1])
AT_ONCE = 4


def side_by_side(client):
    """What several clients count together."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(lambda _: client(), range(AT_ONCE)))


def mails(port):
    count = 0
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as server:
        while time.monotonic() < END:
            server.sendmail("a@b.test", ["c@d.test"], "Subject: x\n\n" + "some words\n" * 200)
            count += 1
    return count


def smtp(port):
    return side_by_side(lambda: mails(int(port)))


def grpc(port):
    import grpc

    def calls():
        count = 0
        while time.monotonic() < END:
            encode(b"1000", timeout=20)
            count += 1
        return count

    with grpc.insecure_channel("127.0.0.1:" + port) as channel:
        encode = channel.unary_unary("/Test/Encode")
        return side_by_side(calls)


def jupyter(path):
    """Cells, one after another."""
    import jupyter_client
    client = jupyter_client.BlockingKernelClient(connection_file=path)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=20)
    client.execute_interactive("from cells import crunch", timeout=20)
    count = 0
    while time.monotonic() < END:
        answer = client.execute_interactive("print(crunch(20000))", timeout=20, output_hook=lambda m: None)
        assert answer["content"]["status"] == "ok", answer
        count += 1
    client.stop_channels()
    return count


print("calls", globals()[sys.argv[2]](sys.argv[3]))
