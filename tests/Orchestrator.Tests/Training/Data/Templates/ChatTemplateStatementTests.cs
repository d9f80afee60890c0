namespace Orchestrator.Tests.Training.Data.Templates;

public class ChatTemplateStatementTests
{
    [Theory]
    [InlineData("a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc")]
    [InlineData("a\n  {%+ if true +%}\n  b\n{%- endif -%}\n c", "a\n  \n  bc")]
    [InlineData("x {# note #} y\n  {# note #}\nz {#- note -#} w", "x  y\nzw")]
    [InlineData("  {{ 1 }}\n{{- 2 -}}  3", "  123")]
    [InlineData("{% raw %}{{ x }}{% endraw %}", "{{ x }}")]
    [InlineData("a\r\nb\r\n", "a\nb")]
    [InlineData("x\n\n", "x\n")]
    [InlineData("{{ {'a': {'b': 1}}.a.b }}", "1")]
    public void Whitespace_follows_trim_blocks_lstrip_blocks_and_the_signs(string template, string expected) => Equal(expected, template);

    [Theory]
    [InlineData("{% for i in [4, 5] %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.revindex0 }};{% endfor %}", "1TrueFalse1;2FalseTrue0;")]
    [InlineData("{% for i in range(9) if i is odd %}{% if i == 3 %}{% continue %}{% endif %}{% if i == 7 %}{% break %}{% endif %}{{ i }}{{ loop.length }} {% endfor %}", "14 54 ")]
    [InlineData("{% for i in [] %}x{% else %}none{% endfor %}", "none")]
    [InlineData("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2")]
    [InlineData("{% for i in [1, [2, [3]]] recursive %}{{ loop(i) if i is iterable else i }}{% endfor %}", "123")]
    [InlineData("{% for c in 'ab' %}{{ loop.previtem }}{{ c }}{{ loop.nextitem }}|{% endfor %}", "ab|ab|")]
    public void Loops_go_round_as_Jinjas_do(string template, string expected) => Equal(expected, template);

    [Theory]
    [InlineData("{% set x = 0 %}{% for i in [1, 2] %}{{ x }}{% set x = i %}{{ x }} {% endfor %}{{ x }}", "01 02 0")]
    [InlineData("{% set ns = namespace(x=0) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "3")]
    [InlineData("{% if true %}{% set x = 1 %}{% endif %}{{ x }}", "1")]
    [InlineData("{% generation %}{% set x = 1 %}a{{ x }}{% endgeneration %}{{ x }}", "a1")]
    [InlineData("{% with a = 1 %}{{ a }}{% endwith %}{{ a }}", "1")]
    [InlineData("{% set x | upper %}a{{ 1 }}{% endset %}{{ x }}{% set a, b = 1, 2 %}{{ b }}", "A12")]
    public void Assignments_stay_in_their_scope(string template, string expected) => Equal(expected, template);

    [Theory]
    [InlineData("{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }} {% endmacro %}{{ m(1) }}{{ m(1, c=5) }}{{ m(b=3, a=4) }}", "121 125 434 ")]
    [InlineData("{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, z=3) }}", "1(2,){'z': 3}")]
    [InlineData("{% macro m() %}<{{ caller('x') }}>{% endmacro %}{% call(a) m() %}{{ a }}y{% endcall %}", "<xy>")]
    [InlineData("{% macro down(n) %}{{ n }}{% if n > 0 %}{{ down(n - 1) }}{% endif %}{% endmacro %}{{ down(3) }}", "3210")]
    [InlineData("{% filter upper %}a{{ 'b' }}{% endfilter %}", "AB")]
    public void Macros_and_filtered_blocks_give_text(string template, string expected) => Equal(expected, template);

    [Theory]
    [InlineData("a\n\n{{ raise_exception('roles must alternate') }}", "test.jinja, line 3: the template refuses this conversation: roles must alternate")]
    [InlineData("a\n{% if x %}", "test.jinja, line 2: the template ends where {% endif %} is needed")]
    [InlineData("{% include 'other' %}", "test.jinja, line 1: the tag 'include' has no place in a chat template")]
    [InlineData("{% macro m() %}\n{{ none.a.b }}\n{% endmacro %}\n{{ m() }}", "test.jinja, line 2: None has no attribute 'a'")]
    [InlineData("{% for i in [1] %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "'break' stands outside a loop")]
    [InlineData("{{ 'abc }}", "a string has no closing '")]
    [InlineData("{% endfor %}", "'endfor' ends nothing that is open")]
    public void A_failure_names_template_line_and_reason(string template, string message) =>
        Assert.Contains(message, Templating.Failure(template), StringComparison.Ordinal);

    [Theory]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "too deep")]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "more work than one conversation can need")]
    [InlineData("{{ 'x' * 1000000000000 }}", "a text of more than")]
    [InlineData("{% set ns = namespace(x='xxxxxxxxxx') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "a text of more than")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}", "more work than one conversation can need")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}", "nested more than 200 deep")]
    [InlineData("{{ range(1000000000) }}", "range is longer than 100000")]
    [InlineData("{{ 'aaaaaaaaaaaaaaaaaaaa'.replace('', 'b' * 3000000) }}", "a text of more than")]
    [InlineData("{{ '%999999999s' % 'a' }}", "a text of more than")]
    public void A_template_that_runs_away_is_stopped(string template, string reason) =>
        Assert.Contains(reason, Templating.Failure(template), StringComparison.Ordinal);

    [Fact]
    public void Brackets_nested_without_end_are_refused_and_do_not_overflow_the_stack()
    {
        Assert.Contains("nested in one another", Templating.Failure("{{ " + new string('(', 100_000) + "1" + new string(')', 100_000) + " }}"), StringComparison.Ordinal);
        Assert.Contains("nested in one another", Templating.Failure("{{ " + new string('-', 100_000) + "1 }}"), StringComparison.Ordinal);
        Assert.Contains("too deep", Templating.Failure("{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 100_000)) + " }}"), StringComparison.Ordinal);
    }

    private static void Equal(string expected, string template) => Assert.Equal(expected, Templating.Render(template));
}
