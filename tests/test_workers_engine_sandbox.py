"""Templates out of files: they reach nothing, and they end."""

from typing import Any

import pytest
from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workers.engine.sandbox import STEPS, BoundedEnvironment, TooMuch
from workers.engine.template import CHATML, RENDERING_FAULTS

TALK = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]


def rendered(source: str, **known: Any) -> str:
    environment = BoundedEnvironment()
    template = environment.template(source)
    environment.renew()
    return template.render(messages=TALK, **known)


GROWING = "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = %s %}{% endfor %}"
ENDLESS = {
    "loops in loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}"
    "{% endfor %}",
    "a filter of a loop": "{% for i in range(9999) %}{% for j in range(9999) if j > 1e9 %}"
    "{% endfor %}{% endfor %}",
    "a macro that calls itself": "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}"
    "{% endmacro %}{{ f(60) }}",
    "a product": "{{ 'x' * 10**9 }}",
    "a power": "{{ 10 ** 10 ** 10 }}",
    "a width": "{{ 'x'.center(999999999) }}",
    "a filter's width": "{{ 'x'|center(999999999) }}",
    "a field": "{{ '{:>999999999}'.format('x') }}",
    "a field of a field": "{{ '{:{}}'.format(1, 999999999) }}",
    "an old field": "{{ '%999999999d' % 1 }}",
    "an old field by filter": "{{ '%999999999d'|format(1) }}",
    "sums": GROWING.replace("%s", "ns.x + ns.x"),
    "joins": GROWING.replace("%s", "ns.x ~ ns.x"),
    "lists": GROWING.replace("%s", "[ns.x, ns.x]"),
    "tuples": GROWING.replace("%s", "(ns.x, ns.x)"),
    "mappings": GROWING.replace("%s", "{'a': ns.x, 'b': ns.x}"),
    "replacing": "{% set x = 'a'.replace('a', 'b' * 9999) %}{{ x.replace('b', x) }}",
    "many elements": "{{ range(99999)|map('string')|list|join(',')|length }}",
    "lorem ipsum": "{{ lipsum(100000) }}",
    "a deep expression": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "a long source": "{# #}" * 40_000,
}


@pytest.mark.parametrize("way", ENDLESS)
def test_ends(way: str) -> None:
    with pytest.raises(RENDERING_FAULTS):
        rendered(ENDLESS[way])


@pytest.mark.parametrize(
    "source",
    [
        "{{ cycler.__init__.__globals__ }}",
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ raise_exception('no') }}",
        "{{ 0step }}",
    ],
)
def test_reaches_nothing(source: str) -> None:
    with pytest.raises(TemplateError):
        rendered(source)


def test_what_ours_is_called_cannot_be_taken() -> None:
    with pytest.raises(TooMuch):
        rendered("{% set step = 1 %}{% set weighed = 1 %}" + ENDLESS["loops in loops"])


HONEST = {
    "the common one": CHATML,
    "a filtered loop": "{% for m in messages if m.role != 'system' %}{{ loop.index }}"
    "{{ m.content ~ '|' }}{% endfor %}",
    "filters": "{%- set first = messages[0]['content'] | trim %}{{ first + '\\n' * 2 }}"
    "{{ [1, 2] | join(',') }}",
    "a macro": "{% macro say(m, end='.') %}{{ m.role.upper() ~ ': ' ~ m.content }}{{ end }}"
    "{% endmacro %}{% for m in messages %}{{ say(m) }}{% endfor %}",
    "fields": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
    "{% endfor %}{{ ns.n }} {{ '%s of %d' % ('x', 3) }} {{ '{} {}'.format(1, 2) }}"
    "{{ {'a': 1} | tojson }}",
    "methods": "{% for m in messages %}{% if loop.last %}{% break %}{% endif %}"
    "{{ m.content.split('x')[-1] }}{% endfor %}{{ missing }}{{ (1, 2)[0] }}{{ -3 // 2 }}"
    "{{ messages[::-1][0].role }}",
}


@pytest.mark.parametrize("kind", HONEST)
def test_renders_what_jinja_renders(kind: str) -> None:
    source = HONEST[kind]
    plain = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    assert rendered(source) == plain.from_string(source).render(messages=TALK)


def test_blocks_of_what_a_model_wrote_mean_nothing() -> None:
    source = "a{% generation %}b{% for m in messages %}{{ m.role }}{% endfor %}{% endgeneration %}c"
    assert rendered(source) == "absystemuserc"


def test_each_rendering_has_all_its_steps() -> None:
    environment = BoundedEnvironment()
    template = environment.template("{% for i in range(9000) %}{{ i + 1 }}{% endfor %}")
    for _ in range(2 * STEPS // 9000):
        environment.renew()
        assert template.render()
