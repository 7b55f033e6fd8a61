"""Values that are computed again only when something that was read for them has changed."""

from __future__ import annotations

from knlab.embedded.kube.controller import Lookup
from knlab.embedded.kube.derived import Derived
from knlab.embedded.kube.objects import GroupResource, Key, Object
from knlab.embedded.kube.store import Store
from tests.factories import make

MENUS, DISHES = GroupResource("ex.com", "menus"), GroupResource("ex.com", "dishes")


class Kitchen:
    """Menus that name dishes; the value of a menu is what its dishes cost."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.computed: list[str] = []
        self.derived = Derived(store, MENUS, self.price)

    def price(self, menu: Object, view: Lookup) -> int:
        self.computed.append(menu["metadata"]["name"])
        dishes = (view.find(DISHES, "ns", name) for name in menu["spec"]["dishes"])
        return sum(dish["spec"]["price"] for dish in dishes if dish is not None)

    def menu(self, name: str, *dishes: str) -> dict[Key, int | None]:
        self.store.put(MENUS, make("ex.com/v1", "Menu", name, "ns", spec={"dishes": dishes}))
        return self.derived.update([(MENUS, ("ns", name))])

    def dish(self, name: str, price: int) -> dict[Key, int | None]:
        self.store.put(DISHES, make("ex.com/v1", "Dish", name, "ns", spec={"price": price}))
        return self.derived.update([(DISHES, ("ns", name))])

    def gone(self, kind: GroupResource, name: str) -> dict[Key, int | None]:
        found = self.store.get(kind, ("ns", name))
        assert found is not None
        self.store.remove(kind, found)
        return self.derived.update([(kind, ("ns", name))])


def test_a_change_reaches_exactly_those_that_read_it(store: Store) -> None:
    kitchen = Kitchen(store)
    kitchen.dish("soup", 3)
    assert kitchen.menu("small", "soup") == {("ns", "small"): 3}
    kitchen.menu("large", "soup", "cake")
    kitchen.menu("sweet", "cake")
    kitchen.computed.clear()
    assert kitchen.dish("soup", 4) == {("ns", "small"): 4, ("ns", "large"): 4}
    assert kitchen.dish("bread", 1) == {}
    assert kitchen.computed == ["large", "small"]


def test_what_was_missing_counts_as_read(store: Store) -> None:
    kitchen = Kitchen(store)
    assert kitchen.menu("sweet", "cake") == {("ns", "sweet"): 0}
    assert kitchen.dish("cake", 5) == {("ns", "sweet"): 5}
    assert kitchen.gone(DISHES, "cake") == {("ns", "sweet"): 0}


def test_who_reads_no_more_is_left_alone(store: Store) -> None:
    kitchen = Kitchen(store)
    kitchen.menu("small", "soup")
    kitchen.menu("small", "cake")
    assert kitchen.dish("soup", 3) == {}
    assert kitchen.gone(MENUS, "small") == {("ns", "small"): None}
    assert kitchen.dish("cake", 3) == {}


def test_several_changes_at_once_compute_each_value_once(store: Store) -> None:
    kitchen = Kitchen(store)
    kitchen.menu("large", "soup", "cake")
    kitchen.dish("soup", 3)
    kitchen.dish("cake", 5)
    kitchen.computed.clear()
    changed = [(DISHES, ("ns", "soup")), (DISHES, ("ns", "cake")), (MENUS, ("ns", "large"))]
    assert kitchen.derived.update(changed) == {("ns", "large"): 8}
    assert kitchen.computed == ["large"]
