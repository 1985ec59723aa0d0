"""A run in a browser: watched while it goes on, looked through by keys alone, and without a script."""

from playwright.async_api import expect

from tests.browser.seeded import Seeded
from tests.browser.visiting import Visitor


async def test_a_run_is_watched_as_it_goes_on_and_loading_it_anew_shows_the_same(
    visitor: Visitor,
) -> None:
    with visitor.at.client() as client:
        body = {
            "agent": "support",
            "input": "Refund 1.00 EUR of payment PAY-5007 because the saucer was broken",
        }
        run = client.post("/v1/runs", json=body).json()["id"]
        page = await visitor.opens(f"/runs/{run}")
        await expect(page.locator("#run-state")).to_have_text("input required")
        await expect(page.locator(".live-state")).to_have_text("live")
        (request,) = client.get("/v1/input-requests", params={"run_id": run}).json()["input_requests"]
        client.post(f"/v1/input-requests/{request['id']}/answer", json={"approve": True}).raise_for_status()
    await expect(page.locator("#run-state")).to_have_text("completed")
    await expect(page.locator(".live-state")).to_have_text("ended")
    watched = await page.locator("#steps").inner_text()
    assert "approved" in watched
    await page.reload()
    assert await page.locator("#steps").inner_text() == watched


async def test_a_step_is_found_by_keys_alone_and_a_run_is_cancelled_without_a_script(
    visitor: Visitor, seeded: Seeded
) -> None:
    page = await visitor.opens(f"/runs/{seeded.completed}")
    for key in ("j", "j", "Enter"):
        await page.keyboard.press(key)
    await expect(page.locator("#step-name")).to_have_text("Turn 1")
    await page.keyboard.press("j")  # the place in the tree is kept
    await page.keyboard.press("Enter")
    await expect(page.locator("#step-name")).to_have_text("calculator.calculate")
    await expect(page.locator("#steps .chosen")).to_have_count(1)
    chosen = await page.locator("#step").inner_text()
    await page.reload()
    assert await page.locator("#step").inner_text() == chosen
    await page.go_back()
    await expect(page.locator("#step-name")).to_have_text("Turn 1")
    with visitor.at.client() as client:
        body = {"agent": "clerk", "input": "Which of them?"}
        run = client.post("/v1/runs", json=body).json()["id"]
    plain = await visitor.opens(f"/runs/{run}", javascript=False)
    await plain.get_by_text("Cancel …").click()
    await plain.get_by_role("button", name="Cancel the run").click()
    await expect(plain.locator("#run-state")).to_have_text("cancelled")
