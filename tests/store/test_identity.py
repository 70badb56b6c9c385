"""Who is who."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from steward.model.errors import RecordRejected
from steward.model.records import Noun, Record
from steward.store import identity, merged, merging, records, review
from steward.store.database import Database
from steward.store.names import normal_domain, normal_name

Known = Callable[..., dict[tuple[str, str], str]]
SF, HS, USAGE = ("salesforce", "001"), ("hubspot", "77"), ("usage", "ws_9")


def resolve(database: Database, now: datetime, **asked: Any) -> identity.Resolved:
    with database.write() as tx:
        return identity.resolve(tx, now, **asked)


def open_reviews(database: Database) -> list[review.Review]:
    with database.read() as tx:
        return review.list_(tx)


def test_an_account_id_follows_from_who_came_first(known: Known) -> None:
    """The same company gets the same id on every install: reports can be compared, tests written down."""
    who = known({SF: {"name": "Acme"}})

    assert who == {SF: "acct_rjh7y3tulphp"}
    assert identity.mint(SF) == who[SF]
    assert identity.mint(SF, taken=[who[SF]]) != who[SF]


def test_a_named_id_is_a_match_from_either_side(known: Known) -> None:
    """The CRM that holds the other system's id is the best witness there is."""
    forwards = known({SF: {"name": "Acme", "id_in.hubspot": "77"}, HS: {"name": "ACME Holding"}})
    backwards = known({("salesforce", "002"): {"name": "Globex"},
                       ("hubspot", "78"): {"name": "Other", "id_in.salesforce": "002"}})

    assert forwards[SF] == forwards[HS]
    assert backwards["salesforce", "002"] == backwards["hubspot", "78"] != forwards[SF]


def test_an_id_without_a_record_belongs_to_who_names_it(known: Known) -> None:
    """The product knows workspaces, not companies; only the CRM can say whose one is."""
    who = known({SF: {"name": "Acme", "id_in.usage": "ws_9"}})
    assert who[USAGE] == who[SF]

    corrected = known({SF: {"name": "Acme", "id_in.usage": "ws_8"},
                       ("salesforce", "002"): {"name": "Globex", "id_in.usage": "ws_9"}})
    assert corrected[USAGE] == corrected["salesforce", "002"] != corrected[SF]
    assert corrected["usage", "ws_8"] == corrected[SF]


def test_two_systems_that_name_the_same_third_id_speak_of_one_company(known: Known) -> None:
    """Both CRMs hold the workspace's id, and neither the other's."""
    who = known({SF: {"name": "Acme", "id_in.usage": "ws_9"}, HS: {"name": "Acme BV", "id_in.usage": "ws_9"}})

    assert who[SF] == who[HS] == who[USAGE]


@pytest.mark.parametrize("theirs", ["acme.com", "https://www.ACME.com/about", "www.acme.com."])
def test_the_same_domain_is_a_match(known: Known, theirs: str) -> None:
    """Most companies are matched by this."""
    who = known({SF: {"name": "Acme", "domain": "acme.com"}, HS: {"name": "Something else", "domain": theirs}})

    assert who[SF] == who[HS]


@pytest.mark.parametrize("domain", ["gmail.com", "web.de", "yahoo.co.uk", "localhost", "", "linkedin.com"])
def test_a_domain_that_everybody_may_have_is_no_match(known: Known, domain: str) -> None:
    """Two sole traders with GMail are two companies."""
    who = known({SF: {"name": "Baker", "domain": domain}, HS: {"name": "Butcher", "domain": domain}})

    assert who[SF] != who[HS]


def test_a_domain_that_two_have_in_one_system_is_for_a_person(database: Database, known: Known) -> None:
    """Which of the two subsidiaries the other system means, no machine knows."""
    who = known({SF: {"name": "Acme EU", "domain": "acme.com"}, ("salesforce", "002"): {"name": "Acme US", "domain": "acme.com"},
                 HS: {"name": "Acme", "domain": "acme.com"}})

    assert len(set(who.values())) == 3
    reviews = open_reviews(database)
    assert len(reviews) == 3
    assert 'both have the domain "acme.com", which more than one account in salesforce has' in reviews[0].reason


def test_two_of_one_system_are_never_joined_by_a_machine(database: Database, known: Known) -> None:
    """Two HubSpot companies that name one Salesforce account: a duplicate, or a mistake. A person looks."""
    who = known({SF: {"name": "Acme"}, HS: {"name": "Acme", "id_in.salesforce": "001"},
                 ("hubspot", "78"): {"name": "Acme copy", "id_in.salesforce": "001"}})

    assert who[SF] == who[HS] != who["hubspot", "78"]
    assert any('"Acme copy" in hubspot says that it is "001" in salesforce' in each.reason for each in open_reviews(database))


def test_names_alike_go_to_review_with_the_reason_and_are_not_joined(database: Database, known: Known) -> None:
    """A wrong merge mixes two customers' facts; a wrong question costs a glance."""
    who = known({SF: {"name": "Globex Industries Ltd", "domain": "globex.com"}, HS: {"name": "GLOBEX INDUSTRIE"},
                 ("hubspot", "78"): {"name": "Initech"}})

    found = open_reviews(database)
    assert who[SF] != who[HS]
    assert len(found) == 1
    assert {found[0].left, found[0].right} == {who[SF], who[HS]}
    assert found[0].reason == ('names are 97 % alike: "GLOBEX INDUSTRIE" in hubspot, "Globex Industries Ltd" in salesforce; '
                               'and only one has a domain: "globex.com"')


def test_names_that_differ_in_a_number_are_not_alike(database: Database, known: Known) -> None:
    """Store 17 and store 71 are two customers of ours."""
    known({SF: {"name": "Northwind Store 17"}, HS: {"name": "Northwind Store 71"}})

    assert open_reviews(database) == []


def test_resolving_again_changes_nothing(database: Database, known: Known, now: datetime) -> None:
    """It runs after every sync; a row written for nothing is a row to wait for."""
    known({SF: {"name": "Acme", "domain": "acme.com", "id_in.usage": "ws_9"}, HS: {"name": "Acme", "domain": "acme.com"},
           ("hubspot", "78"): {"name": "Globex"}, ("salesforce", "002"): {"name": "Globex Inc"}})
    tables = ("account", "identity", "match_review", "kept_apart")

    def everything() -> list[list[Any]]:
        with database.read() as tx:
            return [sorted(map(repr, tx.execute(text(f"SELECT * FROM {table}")))) for table in tables]

    before = everything()
    again = resolve(database, now + timedelta(days=1))

    assert again == identity.Resolved()
    assert everything() == before


def test_a_late_link_joins_two_accounts_and_the_older_stays(known: Known, database: Database, now: datetime) -> None:
    """HubSpot was connected first; the link was filled in a month later."""
    before = known({HS: {"name": "Acme"}})
    with database.write() as tx:
        records.upsert(tx, "salesforce", "accounts", [Record(Noun.ACCOUNT, "001", {"name": "Acme"})], now)
        identity.resolve(tx, now + timedelta(days=30))
    after = known({SF: {"name": "Acme", "id_in.hubspot": "77"}})

    assert after == {HS: before[HS], SF: before[HS]}
    with database.read() as tx:
        assert identity.current(tx, identity.mint(SF)) == before[HS]
        assert identity.current(tx, "acct_nobody") is None


def test_what_a_source_merged_follows_the_survivor(database: Database, known: Known) -> None:
    """Salesforce users merge duplicates; tickets of the loser still name its old id."""
    loser = ("salesforce", "002")
    before = known({SF: {"name": "Acme"}, loser: {"name": "Acme dup"}, HS: {"name": "dup", "id_in.salesforce": "002"}})
    after = known({loser: {"deleted": True, "merged_into": "001"}})

    assert before[loser] == before[HS] != before[SF]
    assert set(after.values()) == {before[SF]}
    with database.read() as tx:
        assert identity.current(tx, before[loser]) == before[SF]


def test_a_chain_of_merges_ends_at_its_end(known: Known) -> None:
    """Cleaning up takes more than one round."""
    ids = [("salesforce", f"00{n}") for n in range(4)]
    first = known({id_: {"name": id_[1]} for id_ in ids})
    after = known({ids[0]: {"merged_into": "001"}, ids[1]: {"merged_into": "002"}, ids[2]: {"merged_into": "003"}})

    assert set(after.values()) == {first[ids[3]]}


def test_a_deleted_account_keeps_its_id(known: Known) -> None:
    """It may come back from the recycle bin, and its history must be there."""
    first = known({SF: {"name": "Acme"}})
    gone = known({SF: {"deleted": True}, ("salesforce", "009"): {"deleted": True}})
    back = known({SF: {"name": "Acme"}})

    assert first == gone == back


def test_a_person_merges_undoes_and_it_stays_undone(database: Database, known: Known, now: datetime) -> None:
    """Whoever corrects the machine must not have to do it every day."""
    told = {SF: {"name": "Acme", "domain": "acme.com"}, HS: {"name": "Acme", "domain": "acme.org"}}
    who = known(told)
    with database.write() as tx:
        merging.merge(tx, who[SF], who[HS], "jo", now)
        together = identity.ids_of(tx, who[SF])
        merging.unmerge(tx, who[HS], "jo", now)
        apart = identity.ids_of(tx, who[SF]), identity.ids_of(tx, who[HS])

    assert together == [HS, SF]
    assert apart == ([SF], [HS])
    after = known({SF: {"name": "Acme", "domain": "acme.com"}, HS: {"name": "Acme", "domain": "acme.com", "id_in.salesforce": "001"}})
    assert after == who
    assert open_reviews(database) == []


def test_an_automatic_match_can_be_undone_too(database: Database, known: Known, now: datetime) -> None:
    """The domain was that of the marketing agency."""
    told = {SF: {"name": "Acme", "domain": "agency.com"}, HS: {"name": "Globex", "domain": "agency.com"}}
    who = known(told)
    assert who[SF] == who[HS]
    with database.write() as tx:
        fresh = merging.split(tx, [HS], "jo", now)
    after = known(told)

    assert after == {SF: who[SF], HS: fresh}
    with database.read() as tx:
        assert identity.accounts(tx)[fresh].name == "Globex"


def test_a_person_who_thinks_again_may_merge_after_all(database: Database, known: Known, now: datetime) -> None:
    """Undone is not forbidden."""
    told = {SF: {"name": "Acme", "domain": "acme.com"}, HS: {"name": "Acme", "domain": "acme.com"}}
    who = known(told)
    with database.write() as tx:
        fresh = merging.split(tx, [HS], "jo", now)
        merging.merge(tx, who[SF], fresh, "jo", now)

    assert known(told) == who


def test_a_review_is_decided_once(database: Database, known: Known, now: datetime) -> None:
    """A question that was answered is not asked again."""
    told = {SF: {"name": "Globex Industries"}, HS: {"name": "Globex Industrie"},
            ("salesforce", "002"): {"name": "Initech Systems"}, ("hubspot", "78"): {"name": "Initech System"}}
    who = known(told)
    assert len(open_reviews(database)) == 2
    with database.write() as tx:
        kept = merging.accept(tx, who[SF], who[HS], "jo", now)
        merging.refuse(tx, who["salesforce", "002"], who["hubspot", "78"], "jo", now)
    after = known({**told, ("hubspot", "99"): {"name": "Umbrella"}})

    assert open_reviews(database) == []
    assert after[SF] == after[HS] == kept
    assert after["salesforce", "002"] != after["hubspot", "78"]
    with database.read() as tx:
        assert [each.state for each in review.list_(tx, "accepted") + review.list_(tx, "refused")] == ["accepted", "refused"]


def test_what_cannot_be_done_is_refused_in_words(database: Database, known: Known, now: datetime) -> None:
    """The person sees which account, and what to use instead."""
    who = known({SF: {"name": "Acme"}, HS: {"name": "Globex"}})
    with database.write() as tx:
        merging.merge(tx, who[SF], who[HS], "jo", now)
        with pytest.raises(RecordRejected, match=f'was merged into "{who[SF]}"; use that one'):
            merging.merge(tx, who[SF], who[HS], "jo", now)
        with pytest.raises(RecordRejected, match='there is no account "acct_x"'):
            merging.merge(tx, who[SF], "acct_x", "jo", now)
        with pytest.raises(RecordRejected, match="into itself"):
            merging.merge(tx, who[SF], who[SF], "jo", now)
        with pytest.raises(RecordRejected, match="nothing to undo"):
            merging.unmerge(tx, who[SF], "jo", now)
        with pytest.raises(RecordRejected, match="not all of them"):
            merging.split(tx, [SF, HS], "jo", now)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(["sf1", "sf2", "sf3", "hs1", "hs2", "hs3"]), st.lists(st.booleans(), min_size=5, max_size=5))
def test_the_order_of_arrival_does_not_decide_who_is_who(
    database: Database, known: Known, order: list[str], cuts: list[bool],
) -> None:
    """Connections sync side by side; the answer must not depend on which was faster."""
    told: dict[str, tuple[tuple[str, str], dict[str, Any]]] = {
        "sf1": (("salesforce", "1"), {"name": "A", "domain": "a.com"}), "hs1": (("hubspot", "1"), {"name": "A", "domain": "a.com"}),
        "sf2": (("salesforce", "2"), {"name": "B", "id_in.hubspot": "2"}), "hs2": (("hubspot", "2"), {"name": "b"}),
        "sf3": (("salesforce", "3"), {"name": "C", "id_in.usage": "w"}), "hs3": (("hubspot", "3"), {"name": "c", "id_in.usage": "w"}),
    }
    with database.write() as tx:
        for table in ("match_review", "identity", "account", "record"):
            tx.execute(text(f"DELETE FROM {table}"))
    batches = [[order[0]]]
    for key, cut in zip(order[1:], cuts, strict=True):
        batches.append([key]) if cut else batches[-1].append(key)
    for batch in batches:
        who = known(dict(told[key] for key in batch))

    groups: dict[str, set[tuple[str, str]]] = {}
    for id_, account_id in who.items():
        groups.setdefault(account_id, set()).add(id_)
    assert sorted(map(sorted, groups.values())) == [
        [("hubspot", "1"), ("salesforce", "1")], [("hubspot", "2"), ("salesforce", "2")],
        [("hubspot", "3"), ("salesforce", "3"), ("usage", "w")],
    ]


MOVES = st.lists(st.tuples(st.sampled_from(["merge", "unmerge", "split", "resolve"]), st.integers(0, 4), st.integers(0, 4)),
                 max_size=8)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MOVES)
def test_whatever_people_do_no_id_is_lost_and_every_undo_holds(
    database: Database, known: Known, now: datetime, moves: list[tuple[str, int, int]],
) -> None:
    """Every external id has one account that stands, whatever was merged, undone and split before."""
    ids = [("crm", str(number)) for number in range(5)]
    with database.write() as tx:
        for table in ("match_review", "kept_apart", "identity", "account", "record"):
            tx.execute(text(f"DELETE FROM {table}"))
    known({id_: {"name": f"Company {id_[1]}"} for id_ in ids})
    undone: list[tuple[list[tuple[str, str]], str]] = []

    for move, one, other in moves:
        with database.write() as tx:
            left, right = (identity.account_of(tx, *ids[number]) or "" for number in (one, other))
            try:
                if move == "merge":
                    merging.merge(tx, left, right, "jo", now)
                    undone.clear()
                elif move == "unmerge":
                    merging.unmerge(tx, identity.mint(ids[one]), "jo", now)
                    back = identity.ids_of(tx, identity.mint(ids[one]))
                    undone.append((back, identity.mint(ids[one])))
                elif move == "split":
                    fresh = merging.split(tx, [ids[one]], "jo", now)
                    undone.append(([ids[one]], fresh))
                else:
                    identity.resolve(tx, now)
            except RecordRejected:
                continue
    resolve(database, now)
    with database.read() as tx:
        standing = identity.accounts(tx)
        whose = {id_: identity.account_of(tx, *id_) for id_ in ids}

    assert set(whose.values()) <= set(standing)
    assert resolve(database, now) == identity.Resolved()
    for some, account_id in undone[-1:]:
        assert {whose[id_] for id_ in some} <= {account_id}


def test_nested_merges_come_apart_in_either_order(database: Database, known: Known, now: datetime) -> None:
    """B went into A, and A into C; each undo gives back just what that merge took."""
    a, b, c = ids = [("crm", "a"), ("crm", "b"), ("crm", "c")]
    who = known({id_: {"name": id_[1] * 8} for id_ in ids})
    for order in ((a, b), (b, a)):
        with database.write() as tx:
            merging.merge(tx, who[a], who[b], "jo", now)
            merging.merge(tx, who[c], who[a], "jo", now)
            assert identity.ids_of(tx, who[c]) == ids
            for id_ in order:
                merging.unmerge(tx, who[id_], "jo", now)

        assert known({}) == who


# ---- one row per account ----

def test_each_field_comes_from_the_source_that_is_believed(database: Database, known: Known) -> None:
    """Sales owns the name, marketing the industry; what loses is kept in sight."""
    known({SF: {"name": "Acme Inc", "industry": "Software", "domain": "acme.com", "csm_external_id": "005"},
           HS: {"name": "ACME", "industry": "IT", "domain": "acme.com", "country": "DE", "csm_external_id": "9"}})
    truth = {"account.industry": ["hubspot"]}
    with database.read() as tx:
        row = merged.merged_accounts(tx, truth, ("salesforce", "hubspot")).row(0, named=True)
        lost = merged.conflicts(tx, truth, ("salesforce", "hubspot")).filter(~pl.col("wins"))

    assert (row["name"], row["industry"], row["country"]) == ("Acme Inc", "IT", "DE")
    assert (row["csm_external_id"], row["csm_connection"]) == ("005", "salesforce")
    assert lost.select("field", "connection", "value").rows() == [
        ("industry", "salesforce", "Software"), ("name", "hubspot", "ACME")]


def test_money_is_never_split_from_its_currency(database: Database, known: Known) -> None:
    """12,000 of one source in the currency of another is a lie."""
    from decimal import Decimal

    from steward.model.money import Money

    known({SF: {"name": "Acme", "domain": "acme.com"},
           HS: {"name": "Acme", "domain": "acme.com", "arr": Money(Decimal(12000), "EUR")}})
    with database.read() as tx:
        row = merged.merged_accounts(tx, {}, ("salesforce", "hubspot")).row(0, named=True)

    assert (row["arr"], row["arr_currency"]) == (12000.0, "EUR")


def test_the_account_is_called_as_the_truth_says(database: Database, known: Known) -> None:
    """The name in the alert is the one the CSM knows."""
    told = {SF: {"name": "Acme Inc", "domain": "acme.com"}, HS: {"name": "ACME", "domain": "acme.com"}}
    first = known(told, order=("salesforce", "hubspot"))
    with database.read() as tx:
        before = identity.accounts(tx, [first[SF]])[first[SF]].name
    known({}, truth={"account.name": ["hubspot"]}, order=("salesforce", "hubspot"))
    with database.read() as tx:
        after = identity.accounts(tx)[first[SF]].name

    assert (before, after) == ("Acme Inc", "ACME")


def test_an_account_is_named_by_a_live_record_where_several_are_its_own(database: Database, known: Known) -> None:
    """A task must be opened on the account that still exists in the CRM."""
    who = known({("salesforce", "000"): {"name": "Acme"}, SF: {"name": "Acme"}})
    who = known({("salesforce", "000"): {"merged_into": "001"}})
    with database.read() as tx:
        assert identity.external_ids(tx, [who[SF]]) == {who[SF]: {"salesforce": "001"}}
        assert identity.external_ids(tx) == {who[SF]: {"salesforce": "001"}}


@pytest.mark.parametrize(("one", "other"), [
    ("Acme, Inc.", "ACME Incorporated"), ("Müller GmbH & Co. KG", "Muller"), ("The Café Ltd", "CAFE")])
def test_names_are_compared_without_form(one: str, other: str) -> None:
    """Legal forms and accents are typed as people feel."""
    assert normal_name(one) == normal_name(other)


@pytest.mark.parametrize("said", [None, 5, "", "   ", "=HYPERLINK(1)", "https://", "a" * 300 + ".com", "\u202eacme"])
def test_nonsense_is_no_domain(said: object) -> None:
    """Whatever stands in the website field of a CRM must not stop the sync."""
    assert normal_domain(said) is None


def test_what_matching_does_not_look_at_makes_nobody_match_again(database: Database, now: datetime) -> None:
    """A hundred thousand accounts are not read anew every quarter of an hour because one of them has more seats."""
    def told(name: str, employees: int) -> list[Record]:
        return [Record(Noun.ACCOUNT, "001", {"name": name, "employees": employees}, now)]

    def resolved(name: str, employees: int, order: Sequence[str] = ()) -> bool:
        with database.write() as tx:
            tx.exec_driver_sql("DELETE FROM identity")           # seen only by who looks
            records.upsert(tx, "crm", "accounts", told(name, employees), now)
            identity.resolve(tx, now, None, order)
            return identity.account_of(tx, "crm", "001") is not None

    assert resolved("Acme", 10)
    assert not resolved("Acme", 11)
    assert resolved("Acme Inc", 11)
    assert not resolved("Acme Inc", 12)
    assert resolved("Acme Inc", 12, order=["crm"])
