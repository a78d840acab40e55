#!/usr/bin/env python3
"""Fits the trends of `src/trends/` a second time, apart from the program, on the same tables of facts.

    python3 tests/validation/trends.py ERGOMETER > tests/data/trends.json

An independent implementation of the selections and fits of `src/trends/`: only the tables in `src/trends/data/` are
shared, and of the catalogue the devices, which ERGOMETER lists (`trends --table devices`). What it writes is recorded, and
a test holds the program against the record: after a change of the catalogue it is to be written anew. Needs numpy and
scipy.

The output is a list of records, one a line; the first has the versions, the others say by `what` what they are of:
  line       hardware that networks are set against: log10 of GFLOPS per watt by date
  hardware   the same of what makers state, by precision and class
  fit        models: log10 of a measure by date, over a selection of them
  band       the same of FLOPs, vision models of a band of top-1 accuracy
  worth      vision models of some years: top-1 by log10 of joules
  scaling    log10 of FLOPs (of text: a token) by log10 of parameters, for each architecture
  back_test  how far fits up to a year were from the three years after it
  settled    at each whole score, FLOPs of the cheapest model that reached it within some years, over those of the first
`at_X` is the line at X. `slope_low` and `slope_high` hold the slope, `prediction_X` (low, value, high) a further point
at X, with 80 % confidence. What has fewer than three points, or all at one place, has no record.
"""

import csv
import datetime
import json
import pathlib
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import scipy
from scipy import stats

DATA = pathlib.Path(__file__).resolve().parents[2] / "src/trends/data"
CONFIDENCE = 0.8
DIGITS = 10
DOMAINS = ("cv", "nlp")
ERAS = ("paper", "now")
ARCHITECTURES = ("cnn", "transformer", "hybrid", "other")
BANDS = ((60, 70), (70, 75), (75, 80), (80, 85), (85, 90))
# The cards that NVIDIA's tables of inference are of.
CARDS = {"v100": "Tesla V100 SXM2", "t4": "Tesla T4", "a100": "A100 SXM4"}
# Where lines are read: hardware, models, and log10 of parameters.
HARDWARE_AT, MODELS_AT, PARAMETERS_AT = 2012, 2020, 9
FORECAST = 2027.5
PERIODS = {
    "to 2015": range(0, 2016),
    "2016 to 2018": range(2016, 2019),
    "2019 to 2020": range(2019, 2021),
    "2021 to 2022": range(2021, 2023),
    "since 2023": range(2023, 9999),
}
JOULES_AT = -1
YEARS_SCORED = 3


@dataclass(frozen=True)
class Model:
    name: str
    domain: str
    architecture: str
    years: float
    flops: float
    parameters: float
    tokens: int
    score: float | None
    of_dev: bool
    retrained: bool
    in_paper: bool

    def score_in(self, era):
        """Today's comparisons leave out scores of a later training than the date."""
        return None if era == "now" and self.retrained else self.score

    @property
    def year(self):
        return int(self.years)


def rows(name):
    with open(DATA / name, newline="") as file:
        return list(csv.DictReader(file))


def years(date):
    """A day, or the middle of a month or year, in years."""
    parts = [int(part) for part in date.split("-")]
    if len(parts) == 1:
        return parts[0] + 0.5
    if len(parts) == 2:
        return parts[0] + (parts[1] - 0.5) / 12
    day = datetime.date(*parts).timetuple().tm_yday
    return parts[0] + (day - 1) / datetime.date(parts[0], 12, 31).timetuple().tm_yday


def vision():
    for row in rows("vision.csv"):
        yield Model(
            name=row["name"],
            domain="cv",
            architecture=row["architecture"],
            years=years(row["date"]),
            flops=float(row["gflops"]) * 1e9,
            parameters=float(row["params_m"]) * 1e6,
            tokens=0,
            score=float(row["top1"]),
            of_dev=False,
            retrained=row["retrained"] == "yes",
            in_paper=row["paper"] == "yes",
        )


def flops_of_text(row):
    """As published, or products with weights plus attention of every token to every other."""
    if row["gflops"]:
        return float(row["gflops"]) * 1e9
    tokens = int(row["tokens"])
    weights = float(row["active_params_m"] or row["params_m"]) - float(row["lookup_params_m"] or 0)
    attention = float(row["layers"]) * float(row["attention_width"])
    return 2 * weights * 1e6 * tokens + 4 * attention * tokens**2


def language():
    for row in rows("language.csv"):
        yield Model(
            name=row["name"],
            domain="nlp",
            architecture="other" if row["name"] == "ELMo" else "transformer",
            years=years(row["date"]),
            flops=flops_of_text(row),
            parameters=float(row["params_m"]) * 1e6,
            tokens=int(row["tokens"]),
            score=float(row["glue"]) if row["glue"] else None,
            of_dev=row["glue_of"] == "dev",
            retrained=False,
            in_paper=row["paper"] == "yes",
        )


def hardware(domain):
    """Dates and GFLOPS per watt: FP32 peaks, and what networks attain with tensor cores, the median over networks."""
    cards = {row["name"]: row for row in rows("gpus.csv") if row["precision"] == "fp32"}
    points = [
        (years(card["date"]), 1e3 * float(card["tflops"]) / float(card["watts"]))
        for card in cards.values()
        if card["in_line"] == "yes"
    ]
    ratios = defaultdict(list)
    for row in rows("speedups.csv"):
        if row["domain"] == domain:
            ratio = float(row["per_second"]) / float(row["base_per_second"])
            ratios[row["gpu"], row["precision"], row["base_gpu"]].append(ratio)
    for (gpu, _, base), of in ratios.items():
        card, peak = cards[CARDS[gpu]], float(cards[CARDS[base]]["tflops"])
        points.append((years(card["date"]), 1e3 * peak * np.median(of) / float(card["watts"])))
    return points


def fitted(points, at):
    """Ordinary least squares with the origin at `at`, and the places from there; None where there is no line."""
    x, y = np.array(points, dtype=float).reshape(-1, 2).T
    if len(x) < 3 or np.ptp(x) == 0:
        return None
    return stats.linregress(x - at, y), x - at


def times_error(count):
    return stats.t.ppf((1 + CONFIDENCE) / 2, count - 2)


def predicted(points, x):
    """Low, value and high of a further point at `x`, by the design matrix."""
    line, places = fitted(points, x)
    design = np.column_stack([np.ones_like(places), places])
    y = np.array(points)[:, 1]
    left = y - design @ [line.intercept, line.slope]
    variance = left @ left / (len(y) - 2)
    here = np.array([1, 0])
    error = np.sqrt(variance * (1 + here @ np.linalg.inv(design.T @ design) @ here))
    off = times_error(len(y)) * error
    return [line.intercept - off, line.intercept, line.intercept + off]


def figures(points, at):
    found = fitted(points, at)
    if not found:
        return None
    line, _ = found
    off = times_error(len(points)) * line.stderr
    return {
        "n": len(points),
        "slope": line.slope,
        f"at_{at}": line.intercept,
        "r_squared": line.rvalue**2,
        "slope_low": line.slope - off,
        "slope_high": line.slope + off,
    }


def logarithms(points):
    return [(x, np.log10(value)) for x, value in points]


def best_of_year(models, era):
    """Of equal scores the model of fewest FLOPs."""
    best = {}
    for model in models:
        if model.score_in(era) is not None:
            best[model.year] = max(best.get(model.year, model), model, key=lambda one: (one.score, -one.flops))
    return [best[year] for year in sorted(best)]


def largest_yet(models):
    """Models of more FLOPs than all of earlier dates, and the most of their own date."""

    def passed(model):
        earlier = any(one.years < model.years and one.flops >= model.flops for one in models)
        return earlier or any(one.years == model.years and one.flops > model.flops for one in models)

    return [model for model in models if not passed(model)]


def selected(selection, models, measure, era):
    """Dates and values."""
    points = [(model.years, measure(model)) for model in models]
    if selection == "all":
        return points
    if selection == "yearly means":
        of_year = defaultdict(list)
        for model, point in zip(models, points):
            of_year[model.year].append(point)
        return [tuple(np.mean(of_year[year], axis=0)) for year in sorted(of_year)]
    if selection == "best of each year":
        chosen = best_of_year(models, era)
    elif selection == "largest yet":
        chosen = largest_yet(models)
    elif selection.endswith(" tokens"):
        chosen = [model for model in models if model.tokens == int(selection.split()[0])]
    elif selection == "the rest":
        largest = {model.name for model in largest_yet(models)}
        chosen = [model for model in models if model.name not in largest]
    else:
        raise ValueError(selection)
    return [(model.years, measure(model)) for model in chosen]


def devices(program):
    """Dates and GFLOPS per watt of what each line of today's hardware goes through."""
    table = subprocess.run([program, "trends", "--table", "devices", "--format", "csv"], capture_output=True, text=True)
    if table.returncode:
        sys.exit(table.stderr)
    found = defaultdict(list)
    for row in csv.DictReader(table.stdout.splitlines()):
        found[row["precision"], row["class"]].append((float(row["years"]), float(row["gflops_per_watt"])))
    return found


def of_today(domain, listed):
    return listed[f"as {domain} attains", "2010 to today"]


def joules(domain, points):
    """FLOPs over the FLOPS per watt of the hardware of the date."""
    line, _ = fitted(logarithms(points), HARDWARE_AT)
    return lambda model: model.flops / (1e9 * 10 ** (line.intercept + line.slope * (model.years - HARDWARE_AT)))


def measures(era, domain, listed):
    found = {"FLOPs": lambda model: model.flops}
    if domain == "nlp":
        found["FLOPs a token"] = lambda model: model.flops / model.tokens
    found["parameters"] = lambda model: model.parameters
    takes = joules(domain, hardware(domain) if era == "paper" else of_today(domain, listed))
    found["joules"] = takes
    if domain == "nlp":
        found["joules a token"] = lambda model: takes(model) / model.tokens
    return found


def selections(domain):
    frontier = {"cv": ["best of each year", "yearly means"], "nlp": ["largest yet", "the rest", "128 tokens", "2048 tokens"]}
    return ["all", *frontier[domain]]


def known(models, era, domain):
    return [model for model in models if model.domain == domain and (era == "now" or model.in_paper)]


def lines(listed):
    for domain in DOMAINS:
        for era, points in (("paper", hardware(domain)), ("now", of_today(domain, listed))):
            found = figures(logarithms(points), HARDWARE_AT)
            yield {"what": "line", "era": era, "domain": domain, **found, "doubling": np.log10(2) / found["slope"]}


def stated(listed):
    for (precision, of), points in listed.items():
        if not precision.startswith("as "):
            found = figures(logarithms(points), HARDWARE_AT)
            yield {"what": "hardware", "precision": precision, "class": of, **found}


def of_models(keys, points):
    """The record of a fit over dates, if there is one."""
    points = logarithms(points)
    found = figures(points, MODELS_AT)
    if found:
        yield {**keys, **found, f"prediction_{FORECAST}": predicted(points, FORECAST)}


def fits(models, listed):
    for domain in DOMAINS:
        for era in ERAS:
            of = known(models, era, domain)
            for name, measure in measures(era, domain, listed).items():
                for selection in selections(domain):
                    keys = {"what": "fit", "era": era, "domain": domain, "measure": name, "selection": selection}
                    yield from of_models(keys, selected(selection, of, measure, era))


def bands(models, listed):
    for era in ERAS:
        of = [model for model in known(models, era, "cv") if model.score_in(era) is not None]
        for name, measure in measures(era, "cv", listed).items():
            for low, high in BANDS if name != "parameters" else ():
                inside = [model for model in of if low <= model.score < high]
                keys = {"what": "band", "era": era, "domain": "cv", "measure": name}
                keys["selection"] = f"score {low} to {high}"
                yield from of_models(keys, [(model.years, measure(model)) for model in inside])


def worth(models, listed):
    takes = joules("cv", of_today("cv", listed))
    for period, years_of in PERIODS.items():
        of = [model for model in known(models, "now", "cv") if model.year in years_of]
        of = [model for model in of if model.score_in("now") is not None]
        points = [(np.log10(takes(model)), model.score) for model in of]
        yield {"what": "worth", "period": period, **figures(points, JOULES_AT)}


def scaling(models):
    for era in ERAS:
        for domain in DOMAINS:
            for architecture in ARCHITECTURES:
                of = [model for model in known(models, era, domain) if model.architecture == architecture]
                per = (lambda model: model.tokens) if domain == "nlp" else (lambda model: 1)
                points = [(np.log10(model.parameters), np.log10(model.flops / per(model))) for model in of]
                found = figures(points, PARAMETERS_AT)
                if found:
                    yield {"what": "scaling", "era": era, "domain": domain, "architecture": architecture, **found}


def back_test(points):
    """Fits to log10 of values up to each year but the last, scored on the years after it."""
    calendar = [int(date) for date, _ in points]
    errors, inside, cuts = [], [], 0
    for cut in range(min(calendar), max(calendar)):
        before = [point for point, year in zip(points, calendar) if year <= cut]
        after = [point for point, year in zip(points, calendar) if cut < year <= cut + YEARS_SCORED]
        if not after or not fitted(before, cut):
            continue
        cuts += 1
        for date, value in after:
            low, middle, high = predicted(before, date)
            errors.append(value - middle)
            inside.append(low <= value <= high)
    if not errors:
        return None
    factors = 10 ** np.abs(errors)
    return {
        "cuts": cuts,
        "scored": len(errors),
        "median": np.median(factors),
        "p90": np.percentile(factors, 90),
        "bias": np.median(10 ** np.array(errors)),
        "covered": np.mean(inside),
    }


def back_tests(models):
    of = known(models, "paper", "cv")
    for selection in ("all", "best of each year"):
        found = back_test(logarithms(selected(selection, of, lambda model: model.flops, "paper")))
        if found:
            keys = {"what": "back_test", "era": "paper", "domain": "cv", "measure": "FLOPs", "selection": selection}
            yield {**keys, **found}


def settled(models):
    """At each whole score, the first model that reached it and the cheapest that had within some years."""
    for domain in DOMAINS:
        of = [one for one in known(models, "now", domain) if one.score_in("now") is not None and not one.of_dev]
        last = max(one.years for one in of)
        low = min(of, key=lambda one: (one.years, one.score)).score
        for within in (1, 2):
            ratios = []
            for whole in range(int(low), int(max(one.score for one in of)) + 1):
                reached = [one for one in of if one.score >= whole]
                first = min(reached, key=lambda one: (one.years, one.flops))
                if first.years + within <= last:
                    cheapest = min(one.flops for one in reached if one.years <= first.years + within)
                    ratios.append(cheapest / first.flops)
            yield {
                "what": "settled",
                "era": "now",
                "domain": domain,
                "measure": "FLOPs",
                "within": within,
                "scores": len(ratios),
                "cheaper": sum(ratio < 1 for ratio in ratios),
                "median": np.median(ratios),
            }


def rounded(value):
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    listed = devices(sys.argv[1])
    models = [*vision(), *language()]
    records = [{"what": "versions", "scipy": scipy.__version__, "numpy": np.__version__}]
    records += [*lines(listed), *stated(listed)]
    for of in (fits, bands, worth):
        records += of(models, listed)
    for of in (scaling, back_tests, settled):
        records += of(models)
    # numpy's numbers of double precision are floats, too.
    texts = [json.dumps({key: rounded(value) for key, value in record.items()}, allow_nan=False) for record in records]
    sys.stdout.write("[\n" + ",\n".join(texts) + "\n]\n")


if __name__ == "__main__":
    main()
