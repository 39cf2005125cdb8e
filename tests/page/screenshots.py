# SPDX-License-Identifier: Apache-2.0
"""screenshots.py FOLDER: the pictures of the page that the documentation shows, taken of a live server with the real model that other clients ask too.
WICK_BUILD names the build folder. Looks best where the font Inter is installed (Debian: fonts-inter); pngquant makes the files small."""
import base64
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import conftest

SHOTS = {  # name: width, height of the picture, pixels a point, scheme
    "page-light": (1280, 1010, 1, "light"),
    "page-dark": (1280, 1010, 1, "dark"),
    "page-phone": (360, 1500, 1.5, "light"),
}
N_CLIENTS = 3
WARM_SECONDS = 25  # so that the lines of the live figures have something to show


def keep_asking(server, stop):
    """A client that asks a few times a second, now for one text, now for some."""
    k = 0
    while not stop.is_set():
        k += 1
        server.post("/api/v1/embed", {"inputs": [f"request {k} of a client that has something to ask"] * (1 + k % 3)})
        time.sleep(0.03 + 0.02 * ((k // 40) % 3))


def shoot(driver, page, server, name, folder):
    width, height, scale, scheme = SHOTS[name]
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    page.open(server.url)
    time.sleep(1 if width < 500 else WARM_SECONDS)
    page.embed()
    driver.execute_script("document.activeElement.blur()")
    driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 1, "y": 1})
    time.sleep(0.5)
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
    path = folder / f"{name}.png"
    path.write_bytes(base64.b64decode(picture))
    if shutil.which("pngquant"):  # a third of the size
        subprocess.run(["pngquant", "--force", "--skip-if-larger", "--strip", "--output", path, "256", path], check=True)
    print(path.name, path.stat().st_size)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp())
    server = conftest.Server(scratch, "--model", conftest.MODEL)
    driver = conftest.open_browser()
    stop = threading.Event()
    clients = [threading.Thread(target=keep_asking, args=(server, stop)) for _ in range(N_CLIENTS)]
    try:
        for client in clients:
            client.start()
        for name in SHOTS:
            shoot(driver, conftest.Page(driver), server, name, folder)
    finally:
        stop.set()
        for client in clients:
            client.join()
        driver.quit()
        server.stop()
        shutil.rmtree(scratch)


main()
