namespace Orchestrator.Tests.Training.Data.Templates;

// Expected texts were worked by hand from Python's and Jinja's rules.
public class ChatTemplateExpressionTests
{
    private const string Values = """{"s": "Hello World", "none_value": null, "list": [3, 1, 2], "dict": {"b": 2, "a": 1, "items": "x"}, "wide": "h\u00e9 \ud83d\ude00!"}""";

    [Theory]
    [InlineData("7 // 2 ~ '|' ~ 7 / 2 ~ '|' ~ 6 / 2 ~ '|' ~ -7 // 2 ~ '|' ~ -7 % 3", "3|3.5|3.0|-4|2")]
    [InlineData("2 ** 3 ~ '|' ~ 2 ** -1 ~ '|' ~ -2 ** 2", "8|0.5|4")]
    [InlineData("0.1 + 0.2", "0.30000000000000004")]
    [InlineData("[1.0, 1e16, 1e-5, 0.0001, 1e22]", "[1.0, 1e+16, 1e-05, 0.0001, 1e+22]")]
    [InlineData("true + 1", "2")]
    [InlineData("1 ~ 2 * 3 ~ -1 ** 2", "161")]
    [InlineData("1 < 2 < 3 and not 3 < 2 < 1", "True")]
    [InlineData("1 == 1.0 and 1 == true and 'a' < 'b' and [1, 2] < [1, 3]", "True")]
    public void Numbers_compute_and_print_as_in_Python(string expression, string expected) => Equal(expected, expression);

    [Theory]
    [InlineData("s[1:4] ~ '|' ~ s[:-6] ~ '|' ~ s[::-1] ~ '|' ~ s[-5:] ~ '|' ~ s[50:]", "ell|Hello|dlroW olleH|World|")]
    [InlineData("s[7:2:-2] ~ '|' ~ list[::-1] ~ '|' ~ list[-2:]", "o l|[2, 1, 3]|[1, 2]")]
    [InlineData("list[-1] ~ list[0] ~ s[-1] ~ (list[9] is defined)", "23dFalse")]
    [InlineData("wide | length ~ wide[3] ~ wide[4:] ~ wide[::-1]", "5\ud83d\ude00!!\ud83d\ude00 \u00e9h")]
    public void Slices_and_places_count_characters_and_reach_from_the_end(string expression, string expected) => Equal(expected, expression);

    [Theory]
    [InlineData("none_value ~ true ~ 1.0 ~ [none, 'a', \"it's\", '\\n'] ~ (1,) ~ {'k': [false]}", "NoneTrue1.0[None, 'a', \"it's\", '\\n'](1,){'k': [False]}")]
    [InlineData("nothing", "")]
    [InlineData("nothing ~ 'x' ~ (nothing is defined) ~ (nothing | default('d')) ~ (nothing == 1) ~ (nothing | length)", "xFalsedFalse0")]
    [InlineData("(1 if false) is defined", "False")]
    [InlineData("'' or none_value or 'last'", "last")]
    [InlineData("none_value | default('d') ~ none_value | default('d', true)", "Noned")]
    [InlineData("none_value.attribute is defined", "False")]
    public void None_undefined_and_lists_print_as_in_Python(string expression, string expected) => Equal(expected, expression);

    [Theory]
    [InlineData("dict.items is callable ~ dict['items'] ~ dict.a ~ dict.get('z', 5) ~ dict.keys() | list", "Truex15['b', 'a', 'items']")]
    [InlineData("'a' in dict and 3 in list and 'Wor' in s and 'z' not in dict", "True")]
    [InlineData("s.split('o') ~ s.upper() ~ ' x '.strip() ~ 'a,b,c'.rsplit(',', 1) ~ s.startswith(('x', 'He'))", "['Hell', ' W', 'rld']HELLO WORLDx['a,b', 'c']True")]
    [InlineData("'{:>5}|{:.2f}|{!r}'.format('a', 2.345, 'b') ~ '%s-%03d' % ('x', 7)", "    a|2.35|'b'x-007")]
    [InlineData("'\u00df'.upper() ~ 'hello world'.title() ~ 'AbC'.swapcase()", "SSHello WorldaBc")]
    public void Methods_are_Pythons(string expression, string expected) => Equal(expected, expression);

    [Theory]
    [InlineData("list | sort | join('-') ~ (list | sum) ~ (list | max) ~ (list | first) ~ (list | last)", "1-2-36332")]
    [InlineData("[{'r': 'u', 'c': 'A'}, {'r': 'x', 'c': 'B'}] | selectattr('r', 'equalto', 'u') | map(attribute='c') | list", "['A']")]
    [InlineData("['b', 'A', 'c'] | sort ~ (['a', 'A'] | unique | list) ~ ([1, 2, 3] | reject('odd') | list)", "['A', 'b', 'c']['a'][2]")]
    [InlineData("2.5 | round ~ '|' ~ 42.55 | round(1, 'floor') ~ '|' ~ '3.9' | int ~ '|' ~ 'x' | int(7)", "2.0|42.5|3|7")]
    [InlineData("'a\\nb' | indent(2, true) ~ ('<&' | e) ~ ('x y' | replace(' ', '_'))", "  a\n  b&lt;&amp;x_y")]
    [InlineData("{'b': '<\u00e9>\"', 'a': [1, none, 1.0]} | tojson", "{\"b\": \"<\u00e9>\\\"\", \"a\": [1, null, 1.0]}")]
    [InlineData("{'b': [], 'a': [1]} | tojson(indent=2)", "{\n  \"b\": [],\n  \"a\": [\n    1\n  ]\n}")]
    [InlineData("'\u00e9' | tojson(ensure_ascii=true) ~ ({'b': 1, 'a': 2} | tojson(sort_keys=true, separators=(',', ':')))", "\"\\u00e9\"{\"a\":2,\"b\":1}")]
    public void Filters_give_what_Jinjas_give(string expression, string expected) => Equal(expected, expression);

    [Theory]
    [InlineData("3 is odd and 4 is divisibleby 2 and s is string and dict is mapping and list is iterable and list is sequence", "True")]
    [InlineData("none_value is none and nothing is undefined and nothing is not defined and 1.5 is float and not true is integer", "True")]
    [InlineData("3 is in [3] and 3 is not in [4] and 2 is gt 1", "True")]
    public void Tests_hold_where_Jinjas_hold(string expression, string expected) => Equal(expected, expression);

    [Theory]
    [InlineData("nothing.attribute", "'nothing' is undefined")]
    [InlineData("nothing + 'x'", "'nothing' is undefined")]
    [InlineData("dict.missing.deeper", "dict has no attribute 'missing'")]
    [InlineData("'a' + 1", "'+' cannot join str and int")]
    [InlineData("'a' + none", "'+' cannot join str and None")]
    [InlineData("none in 'text'", "None cannot be 'in' a str")]
    [InlineData("1 < 'a'", "int and str have no order")]
    [InlineData("1 / 0", "division by zero")]
    [InlineData("none_value | length", "None has no length")]
    [InlineData("list.append(4)", "list has no attribute 'append'")]
    [InlineData("s.__class__.x", "str has no attribute '__class__'")]
    [InlineData("nothing | tojson", "undefined cannot be written as JSON")]
    [InlineData("s | no_such_filter", "no filter 'no_such_filter'")]
    [InlineData("s is no_such_test", "no test 'no_such_test'")]
    [InlineData("9223372036854775807 + 1", "larger than 64 bits hold")]
    public void What_fails_in_Python_fails_with_a_reason(string expression, string reason) =>
        Assert.Contains(reason, Templating.Failure("{{ " + expression + " }}", Values), StringComparison.Ordinal);

    private static void Equal(string expected, string expression) => Assert.Equal(expected, Templating.Render("{{ " + expression + " }}", Values));
}
