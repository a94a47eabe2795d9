// The checker of restaurant descriptions on sentences written for this test.
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import assert from "node:assert/strict";
import { checkE2e } from "../../../src/data/e2e_checker.ts";

/** Errors as two sorted lists. */
function errors(prompt: string, text: string) {
  const { missing, added } = checkE2e(prompt, text);
  return { missing: missing.toSorted(), added: added.toSorted() };
}
const none = { missing: [], added: [] };

describe("checkE2e() on whole sentences", () => {
  it("accepts a sentence that says everything", () => {
    const prompt =
      "name[The Mill], eatType[pub], food[Japanese], priceRange[£20-25], customer rating[3 out of 5], " +
      "area[riverside], familyFriendly[no], near[Café Rouge]";
    const text =
      "By the river, close to Cafe Rouge, the Mill is a mid-priced Japanese pub. Guests rate it 3 out of 5, " +
      "but it isn't the place for children.";
    assert.deepEqual(errors(prompt, text), none);
  });

  it("counts a wrong value as one missing and one added", () => {
    const prompt = "name[Zizzi], food[French], priceRange[cheap], familyFriendly[yes], customer rating[low]";
    const text = "Zizzi has expensive Italian food and top customer ratings, and is not family friendly.";
    assert.deepEqual(errors(prompt, text), {
      missing: ["customer rating[low]", "familyFriendly[yes]", "food[French]", "priceRange[cheap]"],
      added: ["customer rating[high]", "familyFriendly[no]", "food[Italian]", "priceRange[high]"],
    });
  });

  it("counts everything as missing in an empty text, and slots of the prompt", () => {
    assert.deepEqual(checkE2e("name[Zizzi], food[French]", ""), {
      missing: ["name[Zizzi]", "food[French]"],
      added: [],
      numSlots: 2,
    });
  });

  it("does not count a repetition", () => {
    assert.deepEqual(
      errors("name[Zizzi], eatType[pub]", "Zizzi is a pub. Zizzi is a pub, a real pub."),
      none,
    );
  });

  it("takes any text without failing", () => {
    const word = fc.constantFrom(
      "not",
      "high",
      "price",
      "rated",
      "3",
      "out",
      "of",
      "5",
      "£20",
      "kids",
      "and",
      "low",
      ",",
      "é",
    );
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(word, { maxLength: 60 }).map((list) => list.join(" ")),
    );
    fc.assert(fc.property(texts, (text) => {
      assert.ok(checkE2e("name[Zizzi], priceRange[high], familyFriendly[no]", text).missing.length <= 3);
    }));
  });
});

describe("checkE2e() by slot", () => {
  /** Prompt without the name, text without the name, missing, added. */
  const cases: Record<string, [prompt: string, text: string, missing: string[], added: string[]][]> = {
    "name and near": [
      ["name[The Rice Boat]", "Rice Boat is nice", [], []],
      ["name[The Twenty Two]", "The twenty-two is nice", [], []],
      ["name[The Mill]", "a mill like any other", [], []],
      ["name[Zizzi]", "Zizzi, not far from a mill", [], []],
      ["name[Zizzi]", "Zizzi, not far from The Mill", [], ["name[The Mill]"]],
      ["name[Zizzi]", "Zizzi near the Ranch", [], ["near[Ranch]"]],
      ["name[Browns Cambridge]", "Brown's Cambridge is nice", [], []],
      ["name[Zizzi], near[Café Sicilia]", "Zizzi is near cafe sicilia", [], []],
      ["name[Zizzi], near[Café Sicilia]", "Zizzi is near Café Rouge", ["near[Café Sicilia]"], [
        "near[Café Rouge]",
      ]],
      ["name[The Old Barge]", "The Old Barge is nice", [], []],
      ["name[The Old Barge]", "The New Barge is nice", ["name[The Old Barge]"], []],
    ],
    eatType: [
      ["eatType[coffee shop], near[Rainbow Vegetarian Café]", "It is near Rainbow Vegetarian Café", [
        "eatType[coffee shop]",
      ], []],
      ["near[Rainbow Vegetarian Café]", "It is near Rainbow Vegetarian Café", [], []],
      ["eatType[coffee shop]", "It serves coffee", [], []],
      ["eatType[pub]", "a restaurant", ["eatType[pub]"], []],
      ["eatType[restaurant]", "a pub", ["eatType[restaurant]"], ["eatType[pub]"]],
      ["eatType[pub]", "a coffee shop", ["eatType[pub]"], ["eatType[coffee shop]"]],
      ["food[French]", "a French restaurant", [], []],
    ],
    food: [
      ["food[English]", "British dishes", [], []],
      ["food[Fast food]", "a fast-food place", [], []],
      ["food[English]", "English plates with french fries", [], []],
      ["food[Chinese]", "Indian and Chinese plates", [], ["food[Indian]"]],
      ["near[Raja Indian Cuisine]", "beside Raja Indian Cuisine", [], []],
    ],
    area: [
      ["area[riverside]", "on the banks of the river", [], []],
      ["area[city centre]", "in the center", [], []],
      ["area[city centre]", "in the city", [], []],
      ["area[riverside]", "at the city's riverside", [], []],
      ["area[riverside]", "downtown", ["area[riverside]"], ["area[city centre]"]],
    ],
    familyFriendly: [
      ["familyFriendly[yes]", "It is child-friendly", [], []],
      ["familyFriendly[yes]", "a place for the whole family", [], []],
      ["familyFriendly[no]", "a non family friendly place", [], []],
      ["familyFriendly[no]", "It is not kid and family friendly", [], []],
      ["familyFriendly[no]", "Children are not welcome", [], []],
      ["familyFriendly[no]", "Families won't like it, as it doesn't welcome kids", [], []],
      ["familyFriendly[no]", "It is for adults only", [], []],
      ["familyFriendly[no]", "an adult place", [], []],
      ["familyFriendly[no]", "Leave the kids at home", [], []],
      ["familyFriendly[no]", "no children, please", [], []],
      ["familyFriendly[yes]", "It is not cheap but kid friendly", [], []],
      ["familyFriendly[yes]", "Adults and children alike are welcome", [], []],
      ["familyFriendly[yes]", "not only for families", [], []],
      ["familyFriendly[no]", "It is family friendly", ["familyFriendly[no]"], ["familyFriendly[yes]"]],
      ["food[French]", "French food for the kids", [], ["familyFriendly[yes]"]],
    ],
    priceRange: [
      ["priceRange[cheap]", "for less than £20", [], []],
      ["priceRange[less than £20]", "low priced", [], []],
      ["priceRange[less than £20]", "under twenty pounds", [], []],
      ["priceRange[moderate]", "between £20 and £25", [], []],
      ["priceRange[£20-25]", "prices are average", [], []],
      ["priceRange[£20-25]", "in the mid price range", [], []],
      ["priceRange[£20-25]", "moderately expensive", [], []],
      ["priceRange[high]", "above £30", [], []],
      ["priceRange[more than £30]", "quite pricey", [], []],
      ["priceRange[more than £30]", "The average price is £30 and up", [], []],
      ["priceRange[more than £30]", "above average prices", [], []],
      ["priceRange[cheap]", "affordable", [], []],
      ["priceRange[moderate]", "affordable", [], []],
      ["priceRange[high]", "affordable", ["priceRange[high]"], ["priceRange[cheap]"]],
      ["priceRange[cheap]", "inexpensive", [], []],
      ["priceRange[cheap]", "not expensive", [], []],
      ["priceRange[high]", "It is not cheap", [], []],
      ["food[French]", "French food at good value", [], []],
      ["food[French]", "French food at high prices", [], ["priceRange[high]"]],
    ],
    "customer rating": [
      ["customer rating[1 out of 5]", "poorly rated", [], []],
      ["customer rating[low]", "one star", [], []],
      ["customer rating[low]", "guests did not give it good reviews", [], []],
      ["customer rating[average]", "three out of five", [], []],
      ["customer rating[3 out of 5]", "customers find it average", [], []],
      ["customer rating[5 out of 5]", "highly rated", [], []],
      ["customer rating[high]", "a 5-star place", [], []],
      ["customer rating[1 out of 5]", "an average customer rating of 1 out of 5", [], []],
      ["customer rating[low]", "food of poor quality", [], []],
      ["customer rating[high]", "4 stars", ["customer rating[high]"], ["customer rating[another value]"]],
      ["customer rating[high]", "a rating of 1", ["customer rating[high]"], ["customer rating[low]"]],
      ["food[French]", "good French food", [], []],
    ],
    "price beside rating": [
      [
        "priceRange[high], customer rating[low]",
        "The price range is high and the customer rating is low",
        [],
        [],
      ],
      ["priceRange[high], customer rating[low]", "high prices, low ratings", [], []],
      ["priceRange[cheap], customer rating[high]", "low price range with a high customer rating", [], []],
      ["priceRange[moderate], customer rating[5 out of 5]", "moderately priced, rated 5 out of 5", [], []],
      ["customer rating[low]", "a customer rating that is low", [], []],
    ],
  };
  for (const [slot, list] of Object.entries(cases)) {
    describe(slot, () => {
      for (const [prompt, text, missing, added] of list) {
        const outcome = [
          ...missing.map((entry) => `−${entry}`),
          ...added.map((entry) => `+${entry}`),
        ].join(" ") || "right";
        it(`finds "${text}" for ${prompt}: ${outcome}`, () => {
          assert.deepEqual(errors(prompt, text), { missing, added });
        });
      }
    });
  }
});
