using System.Globalization;
using System.Text;

namespace Orchestrator.Training.Data.Templates.Library;

/// <summary>strftime: a moment in the words of the C locale, which C#'s invariant culture shares.</summary>
internal static class Calendar
{
    public static string Format(DateTimeOffset moment, string format)
    {
        var text = new StringBuilder();
        for (var at = 0; at < format.Length; at++)
        {
            if (format[at] != '%' || at + 1 == format.Length)
            {
                text.Append(format[at]);
                continue;
            }

            var unpadded = format[at + 1] is '-' && at + 2 < format.Length;
            at += unpadded ? 2 : 1;
            var part = Part(moment, format[at]) ?? throw new TemplateError($"the date format '%{format[at]}' is not supported.");
            text.Append(unpadded ? Unpadded(part) : part);
        }

        return text.ToString();
    }

    private static string Unpadded(string part) => part.TrimStart('0', ' ') is { Length: > 0 } rest ? rest : "0";

    private static string? Part(DateTimeOffset moment, char letter) => letter switch
    {
        'Y' => moment.Year.ToString(CultureInfo.InvariantCulture),
        'y' => Written(moment, "yy"),
        'C' => $"{moment.Year / 100:00}",
        'm' => Written(moment, "MM"),
        'B' => Written(moment, "MMMM"),
        'b' or 'h' => Written(moment, "MMM"),
        'd' => Written(moment, "dd"),
        'e' => $"{moment.Day,2}",
        'j' => $"{moment.DayOfYear:000}",
        'A' => Written(moment, "dddd"),
        'a' => Written(moment, "ddd"),
        'u' => $"{(moment.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)moment.DayOfWeek)}",
        'w' => $"{(int)moment.DayOfWeek}",
        'U' => $"{(moment.DayOfYear + 6 - (int)moment.DayOfWeek) / 7:00}",
        'W' => $"{(moment.DayOfYear + 6 - (((int)moment.DayOfWeek + 6) % 7)) / 7:00}",
        'V' => $"{ISOWeek.GetWeekOfYear(moment.DateTime):00}",
        'G' => $"{ISOWeek.GetYear(moment.DateTime)}",
        _ => Clock(moment, letter),
    };

    private static string? Clock(DateTimeOffset moment, char letter) => letter switch
    {
        'H' => Written(moment, "HH"),
        'I' => Written(moment, "hh"),
        'M' => Written(moment, "mm"),
        'S' => Written(moment, "ss"),
        'f' => Written(moment, "ffffff"),
        'p' => moment.Hour < 12 ? "AM" : "PM",
        'z' or 'Z' => "",
        's' => $"{moment.ToUnixTimeSeconds()}",
        'D' or 'x' => Written(moment, "MM/dd/yy"),
        'F' => Written(moment, "yyyy-MM-dd"),
        'T' or 'X' => Written(moment, "HH:mm:ss"),
        'R' => Written(moment, "HH:mm"),
        'c' => $"{Written(moment, "ddd MMM")} {moment.Day,2} {Written(moment, "HH:mm:ss")} {moment.Year}",
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        _ => null,
    };

    private static string Written(DateTimeOffset moment, string format) => moment.ToString(format, CultureInfo.InvariantCulture);
}
