"""The page in a real browser: every tab, by mouse and by keyboard, on a desk and on a phone.

The screens are kept where ``ARAE_SCREENS`` says, to be looked at.
"""

import base64
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
import small
import small_serving
import small_transfer
from small_serving import TOKEN

pytest.importorskip("selenium", reason="selenium is not installed")

import uvicorn
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from arae_toolkit.serving.application import application
from arae_toolkit.serving.request_queue import RequestQueue
from arae_toolkit.serving.server import listening_socket

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "")
DRIVER = shutil.which("chromedriver") or ""
SCREENS = os.environ.get("ARAE_SCREENS")
SCRIPT = "<script>document.title = 1</script><b>dog</b>"

pytestmark = [
    pytest.mark.web,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="no Chromium with its driver is found: install Debian's packages chromium and "
        "chromium-driver, or put chromium and chromedriver on the PATH",
    ),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Serve a run of each kind, and return the address with the token."""
    runs = {
        "captions": small_serving.text_run(),
        "reviews": small_serving.transfer_run(tmp_path_factory.mktemp("runs") / "rewriter"),
        "pairs": small_serving.pair_run(),
    }
    queue = RequestQueue()
    with listening_socket(0) as listening:
        port = listening.getsockname()[1]
        app = application(runs, queue, token=TOKEN, port=port)
        settings = uvicorn.Config(app, ws="none", lifespan="off", log_level="warning")
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{port}/?token={TOKEN}"
        server.should_exit = True
        thread.join(30)
    queue.close()


@pytest.fixture(scope="module")
def driver():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.add_argument("--hide-scrollbars")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class Page:
    """The page in the browser, and what a person does on it."""

    def __init__(self, driver, address, *, width=1000, dark=False):
        self.driver, self.width = driver, width
        self.name = f"{width}-{'dark' if dark else 'light'}"
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        driver.get("about:blank")  # or a page that is there already would be left as it is
        driver.get(address)
        self.until(lambda: self.all("#run option") or self.all(".error:not([hidden])"))

    def until(self, condition):
        return WebDriverWait(self.driver, 60).until(lambda _: condition())

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def run(self, name):
        self.one(f"#run option[value={name}]").click()

    def tab(self, name):
        self.one(f"#tab-{name}").click()

    def fill(self, section, **fields):
        for name, text in fields.items():
            field = self.one(f"#{section} [name={name}]")
            field.clear()
            field.send_keys(text)

    def send(self, section):
        """Send a form, and return the text of its answer once it is there."""
        before = self.all(f"#{section} .result > *")
        self.one(f"#{section} form button:not([type])").click()
        return self.answer(section, before)

    def answer(self, section, before=()):
        found = f"#{section} .result > .card, #{section} .result > .error"
        self.until(lambda: [one for one in self.all(found) if one not in before])
        return self.one(f"#{section} .result").text

    def look(self, name):
        """Check that nothing runs out of the window; keep a screen, if one is wanted."""
        width, height = self.driver.execute_script(
            "const all = document.documentElement; return [all.scrollWidth, all.scrollHeight]"
        )
        assert width <= self.width, f"{name} is {width} wide in a window of {self.width}"
        if SCREENS is not None:
            clip = {"x": 0, "y": 0, "width": self.width, "height": height, "scale": 1}
            screen = self.driver.execute_cdp_cmd(
                "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
            )
            path = Path(SCREENS) / f"{self.name}-{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode(screen["data"]))

    def check_console(self):
        """Assert that the browser complained of nothing: no script failed, none was blocked."""
        assert self.driver.get_log("browser") == []


@pytest.fixture
def page(driver, address):
    page = Page(driver, address)
    yield page
    page.check_console()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1000, 390])
def test_everything_fits_and_answers(driver, address, width, dark):
    page = Page(driver, address, width=width, dark=dark)
    assert TOKEN not in driver.current_url
    page.run("reviews")
    page.fill("transfer", text=small_transfer.REWRITTEN[0])
    answer = page.send("transfer")
    for label in small_transfer.ATTRIBUTES:
        assert f"Reads as {label}:" in answer
    assert page.all("#transfer mark")
    page.look("transfer")
    page.run("pairs")
    first, second = small.PAIRS[0]
    page.fill("pairs", premise=first, hypothesis=second)
    assert all(label in page.send("pairs") for label in small.LABELS)
    page.look("pairs")
    page.run("captions")
    page.fill("walk", first=small.SENTENCES[1], second=small.SENTENCES[4])
    assert "Step 1 of 9" in page.send("walk")
    page.look("walk")
    page.tab("samples")
    page.send("samples")
    assert len(page.all("#samples ol.samples li")) == 10
    page.look("samples")
    page.tab("reconstruct")
    assert "nats for" in page.send("reconstruct")
    page.look("reconstruct")
    page.tab("neighbours")
    page.send("neighbours")
    assert len(page.all("#neighbours tbody tr")) == len(small.SENTENCES)
    page.look("neighbours")
    page.tab("map")
    page.until(lambda: len(page.all("circle.dot")) > 300)
    ActionChains(driver).move_to_element_with_offset(
        page.one("#map > svg"), 30, 20
    ).click().perform()
    assert "Nearest dot" in page.answer("map")
    page.look("map")
    driver.get(address.split("?")[0] + "docs")
    page.until(lambda: len(page.all("section.card")) == 10)
    page.look("docs")
    page.check_console()


def test_only_the_tabs_of_a_run_are_there(page):
    def titles():
        return [tab.text for tab in page.all("[role=tab]")]

    page.run("pairs")
    assert titles() == ["Classify pairs"]
    page.run("reviews")
    assert titles() == ["Rewrite"]
    page.run("captions")
    assert titles() == ["Walk", "Sample", "Reconstruct", "Neighbours", "Map"]


def test_the_slider_shows_each_step_of_a_walk(page):
    page.run("captions")
    page.fill("walk", first=small.SENTENCES[1], second=small.SENTENCES[4], steps="5")
    page.send("walk")
    steps = [item.text for item in page.all("#walk ol.way li")]
    assert len(steps) == 5
    slider = page.one("#walk input[type=range]")
    for at in range(1, 5):
        slider.send_keys(Keys.ARROW_RIGHT)
        assert page.one("#walk .card .sentence").text == steps[at]
        assert slider.get_attribute("aria-valuetext") == f"Step {at + 1}: {steps[at]}"
        assert page.one("#walk li[aria-current=step]").text == steps[at]


def test_what_a_person_types_stays_text(page):
    page.run("captions")
    page.tab("reconstruct")
    page.fill("reconstruct", text=SCRIPT)
    page.send("reconstruct")
    assert "script" in page.one("#reconstruct .result").text
    assert SCRIPT in page.one("#reconstruct pre").get_attribute("textContent")
    assert not page.all("#reconstruct .result b, #reconstruct .result script")
    assert page.driver.title == "arae-toolkit"


def test_the_json_behind_an_answer_is_there_to_be_repeated(page):
    page.run("captions")
    page.tab("samples")
    page.fill("samples", count="2")
    page.send("samples")
    page.one("#samples .json summary").click()
    request, answer = (one.text for one in page.all("#samples .json pre"))
    assert request.startswith("curl -s http://127.0.0.1:")
    assert '"count":2' in request
    assert TOKEN not in request
    assert '"samples"' in answer


def test_of_unknown_words_nothing_is_said(page):
    page.run("pairs")
    page.fill("pairs", premise="a dog runs .", hypothesis="zebras")
    answer = page.send("pairs")
    assert "does not know: zebras" in answer and "gives no answer" in answer
    page.run("captions")
    page.tab("reconstruct")
    page.fill("reconstruct", text="zebras")
    assert "gives no answer" in page.send("reconstruct")
    page.check_console()


def test_a_refusal_is_shown_in_its_place(page):
    page.run("captions")
    page.tab("reconstruct")
    page.fill("reconstruct", text="")
    page.driver.execute_script(
        "document.querySelector('#reconstruct textarea').value = 'x'.repeat(3000)"
    )
    answer = page.send("reconstruct")
    assert "3,000 characters, 2,000 are the most" in answer
    logged = page.driver.get_log("browser")
    assert len(logged) == 1
    assert "413" in logged[0]["message"]


def test_the_page_is_used_by_keyboard_alone(page):
    """From the start of the page by Tab, Enter, arrows and letters."""

    def press(*keys):
        ActionChains(page.driver).send_keys(*keys).perform()

    def focused():
        return page.driver.switch_to.active_element

    press(Keys.TAB)
    assert focused().text == "Skip to the form"
    press(Keys.TAB)
    assert focused().get_attribute("id") == "run"
    press("c")
    page.until(lambda: page.all("#tab-walk"))
    press(Keys.TAB, Keys.TAB)
    assert focused().get_attribute("id") == "tab-walk"
    press(Keys.ARROW_RIGHT)
    assert focused().get_attribute("id") == "tab-samples"
    press(Keys.END)
    assert focused().get_attribute("id") == "tab-map"
    page.until(lambda: page.all("#map path.cross[d]"))
    while focused().get_attribute("role") != "application":
        press(Keys.TAB)
    before = page.one("#map path.cross").get_attribute("d")
    press(Keys.ARROW_LEFT, Keys.ARROW_UP)
    assert page.one("#map path.cross").get_attribute("d") != before
    press(Keys.ENTER)
    assert "Nearest dot" in page.answer("map")
    while focused().get_attribute("name") != "text":
        press(Keys.TAB)
    written = page.all("#map .result > *")
    press(Keys.ENTER)
    assert "It lies at" in page.answer("map", written)


def test_a_service_that_has_ended_is_told_of(driver, address):
    page = Page(driver, address)
    page.run("captions")
    page.tab("samples")
    driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        assert "does not answer" in page.send("samples")
    finally:
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**offline, "offline": False})
    time.sleep(0.1)
    driver.get_log("browser")


def test_without_the_token_there_is_no_page(driver, address):
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    driver.get(address.split("?")[0])
    assert "the token is wrong or missing" in driver.find_element(By.TAG_NAME, "body").text
    driver.get_log("browser")
