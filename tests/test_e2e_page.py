"""The page in a real Chromium on the real stack: files in, summary, cited answer, source."""

import base64
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from fleet import PATIENCE, ROOT, Fleet
from playwright.sync_api import Locator, Page, ViewportSize, expect, sync_playwright

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
POLICY = ROOT / "samples" / "remote-work-policy.zh-TW.pdf"
LIGHTHOUSE = """# The lighthouse at Skarholm

The lighthouse at Skarholm stands 41 metres above the sea and was first lit on 3 May 1887.
Its lamp is seen at a distance of 23 nautical miles. 🗼 Its keeper, Ingrid Aasen, left in 1974.

## The fire of 1931

In November 1931 the oil store burned for two nights. Nobody was hurt. The stair was rebuilt in
iron at a cost of 9,400 crowns, and the lamp was dark for 17 days.
"""
QUESTION = "For how many days was the lamp dark after the fire?"
#: Keeps every text that a running answer showed on its way.
WATCH = """() => {
  window.streamed = [];
  new MutationObserver(() => {
    const text = document.querySelector('[aria-busy=true] .prose')?.textContent;
    if (text) window.streamed.push(text);
  }).observe(document.querySelector('[data-testid=turns]'),
    {childList: true, characterData: true, subtree: true});
}"""
DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
  for (const kind of ['dragenter', 'dragover', 'drop']) {
    document.body.dispatchEvent(new DragEvent(kind,
      {dataTransfer: carried, bubbles: true, cancelable: true}));
  }
}"""


@dataclass
class Reader:
    """Somebody at the page, and what their browser complained about."""

    page: Page
    origin: str
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self._hear(said.type, said.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self._leave(request.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.troubles.append(text)

    def _leave(self, url: str) -> None:
        if not url.startswith(self.origin):
            self.troubles.append(f"a request left the origin: {url}")

    def at(self, testid: str) -> Locator:
        return self.page.get_by_test_id(testid)

    def row(self, name: str) -> Locator:
        return self.at("document-row").filter(has_text=name)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    binary = next(filter(None, map(shutil.which, NAMES)), None)
    if binary is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        size = ViewportSize(width=1440, height=900)
        page = browser.new_page(locale="en-GB", viewport=size)
        page.set_default_timeout(1e3 * PATIENCE)
        yield page
        browser.close()


@pytest.fixture(scope="module")
def reader(page: Page, fleet: Fleet) -> Iterator[Reader]:
    """A reader of a collection of their own with two documents, made at the page."""
    expect.set_options(timeout=1e3 * PATIENCE)
    worker = fleet.start_worker()
    reader = Reader(page, str(fleet.client.base_url))
    page.goto(reader.origin)
    reader.at("collection-new").click()
    reader.at("dialog-name").fill("Towers")
    reader.at("dialog-confirm").click()
    expect(reader.at("collection-select").locator("option:checked")).to_have_text("Towers")
    reader.at("file-input").set_input_files(
        {"name": "lighthouse.md", "mimeType": "text/markdown", "buffer": LIGHTHOUSE.encode()}
    )
    page.evaluate(DROP, [POLICY.name, base64.b64encode(POLICY.read_bytes()).decode()])
    for name in ("lighthouse.md", POLICY.name):
        expect(reader.row(name)).to_have_attribute("data-status", "ready")
    yield reader
    fleet.kill(worker)


@pytest.fixture(autouse=True)
def _without_trouble(reader: Reader) -> Iterator[None]:
    yield
    assert reader.troubles == []


def test_both_files_are_read_and_their_jobs_are_shown(reader: Reader) -> None:
    expect(reader.row(POLICY.name).get_by_test_id("document-status")).to_contain_text("6 pages")
    reader.at("tab-jobs").click()
    done = reader.page.locator("[data-kind=read][data-status=succeeded]")
    expect(done).to_have_count(2)
    expect(done.filter(has_text="lighthouse.md").get_by_test_id("job-status")).to_have_text("Done")


def test_a_summary_comes_with_its_coverage_and_every_sentence_with_its_place(
    reader: Reader, fleet: Fleet
) -> None:
    reader.row("lighthouse.md").get_by_test_id("summarise").click()
    expect(reader.at("summary-offer")).to_contain_text("tokens to read")
    reader.at("wish-style").select_option("brief")
    reader.at("wish-length").fill("30")
    reader.at("summary-start").click()
    expect(reader.at("summary-text")).not_to_be_empty()
    expect(reader.at("coverage")).to_contain_text("Page 1 of 1 read · 100 %")
    expect(reader.at("summary-facts")).to_contain_text("Brief")
    made = fleet.get("/v1/jobs?kind=summary&limit=1")["jobs"][0]["result"]
    assert 24 <= made["length"] <= 36
    reader.at("summary-text").get_by_test_id("citation").first.click()
    cited = made["citations"][made["sentences"][0]["citations"][0] - 1]
    expect(reader.at("source-highlight")).to_be_visible()
    assert reader.at("source-highlight").text_content() == cited["quote"]
    reader.at("summary-again").click()  # another style is another summary
    expect(reader.at("wish")).to_be_visible()
    expect(reader.at("summary-choices")).to_contain_text("Brief")


def test_chosen_documents_are_compared(reader: Reader) -> None:
    for box in reader.page.get_by_test_id("pick").all():
        box.check()
    reader.at("do-compare").click()
    reader.at("compose-start").click()
    expect(reader.at("compare-overview")).to_be_visible()
    expect(reader.at("compare-only").first).to_be_visible()
    reader.at("pick-none").click()
    expect(reader.at("selection")).to_be_hidden()


def test_an_answer_streams_and_its_citation_opens_at_the_marked_words(
    reader: Reader, fleet: Fleet
) -> None:
    reader.at("tab-ask").click()
    reader.page.evaluate(WATCH)
    reader.at("chat-input").fill(QUESTION)
    reader.at("chat-input").press("Enter")
    expect(reader.at("sources")).to_be_visible()
    assert reader.page.evaluate("streamed.length") > 0
    asked = fleet.get("/v1/jobs?kind=question&limit=1")["jobs"][0]
    cited = asked["result"]["citations"][0]
    assert "17 days" in asked["result"]["answer"]
    reader.at("sources").get_by_test_id("citation").first.click()
    expect(reader.at("source")).to_contain_text(cited["document_name"])
    expect(reader.at("source-highlight")).to_have_text(cited["quote"])
    reader.page.reload()  # the address is enough to come back
    expect(reader.at("source-highlight")).to_be_visible()
    assert reader.at("source-highlight").text_content() == cited["quote"]


def test_a_refusal_shows_what_comes_nearest(reader: Reader) -> None:
    reader.at("chat-input").fill("Who won the football cup of 1998?")
    reader.at("chat-input").press("Enter")
    expect(reader.at("refusal")).to_be_visible()
    places = reader.at("nearest").last.locator("a")
    assert places.count() == 3
    assert "/pages/" in str(places.first.get_attribute("href"))


def test_one_document_is_asked_alone(reader: Reader, fleet: Fleet) -> None:
    reader.row("lighthouse.md").get_by_test_id("ask-document").click()
    expect(reader.at("ask-about")).to_contain_text("About “lighthouse.md” alone")
    reader.at("chat-input").fill(QUESTION)
    reader.at("chat-input").press("Enter")
    expect(reader.at("sources")).to_be_visible()
    (document,) = (
        one
        for one in fleet.get("/v1/jobs?kind=read")["jobs"]
        if one["status"] == "succeeded"
        and fleet.get(f"/v1/documents/{one['document_id']}")["name"] == "lighthouse.md"
    )
    asked = fleet.get("/v1/jobs?kind=question&limit=1")["jobs"][0]
    assert asked["document_id"] == document["document_id"]
    assert asked["result"]["searched"]["documents"] == 1
    reader.at("ask-about-all").click()
    expect(reader.at("ask-about")).to_be_hidden()


def test_a_pdf_page_is_shown_as_it_was_printed(reader: Reader) -> None:
    reader.row(POLICY.name).get_by_test_id("document-open").click()
    expect(reader.at("source-page")).to_contain_text("遠距工作")
    reader.at("source-toggle").click()
    image = reader.at("source-page").locator("img")
    assert image.evaluate("async (img) => { await img.decode(); return img.naturalWidth; }") > 500
    reader.at("source-toggle").click()


def test_the_page_speaks_chinese_and_fits_a_phone(reader: Reader) -> None:
    reader.at("language-switch").click()
    expect(reader.page.locator("html")).to_have_attribute("lang", "zh-TW")
    expect(reader.at("tab-summary")).to_have_text("摘要")
    expect(reader.at("chat-send")).to_have_text("送出")
    reader.page.set_viewport_size({"width": 390, "height": 844})
    for pane in ("library", "ask", "summary", "jobs", "source"):
        reader.at(f"nav-{pane}").click()
        expect(reader.page.locator("body")).to_have_attribute("data-pane", pane)
        wide = reader.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, pane
