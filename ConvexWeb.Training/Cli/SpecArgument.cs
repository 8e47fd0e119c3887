using System.CommandLine;
using ConvexWeb.Training.Files;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Training.Cli;

/// <summary>SPEC on the command line: a file, <c>-</c> for standard input, or <c>preset:NAME</c>.</summary>
internal static class SpecArgument
{
    private const string PresetPrefix = "preset:";
    private const long MaxBytes = 1 << 20;

    public static Argument<string> Create() => new("SPEC") { Description = "A file, - for standard input (one line), or preset:NAME" };

    /// <exception cref="BadInputException">With every problem of the spec, one a line.</exception>
    public static Spec Load(string spec)
    {
        var reading = Read(spec);
        return reading.Spec ?? throw new BadInputException(reading.Problems.Select(p => p.Sentence));
    }

    /// <summary>The preset that the argument names; null where it names none.</summary>
    public static Preset? PresetOf(string spec)
        => spec.StartsWith(PresetPrefix, StringComparison.Ordinal) ? Presets.Find(spec[PresetPrefix.Length..]) : null;

    public static SpecReading Read(string spec)
    {
        if (spec.StartsWith(PresetPrefix, StringComparison.Ordinal))
        {
            var preset = PresetOf(spec)
                ?? throw new BadInputException($"There is no preset {spec[PresetPrefix.Length..]}; 'list presets' shows them.");
            return new(preset.Spec, []);
        }
        if (spec == "-") return SpecReader.Read(StandardInput());
        if (!File.Exists(spec))
            throw new BadInputException($"There is no file {spec}; SPEC is a file, - for standard input, or preset:NAME.");
        RegularFile.Check(spec);
        if (new FileInfo(spec).Length > MaxBytes) throw new BadInputException($"{spec} is larger than a megabyte; a spec is not.");
        return SpecReader.Read(File.ReadAllText(spec));
    }

    // One line, so that the worker can keep the stream open behind it; a person may also pipe a document of several lines.
    private static string StandardInput()
    {
        var text = new System.Text.StringBuilder();
        while (Console.In.ReadLine() is { } line)
        {
            if (text.Length + line.Length > MaxBytes)
                throw new BadInputException("Standard input holds more than a megabyte; a spec does not.");
            text.AppendLine(line);
            if (IsWhole(text.ToString())) break;
        }
        return text.ToString();
    }

    private static bool IsWhole(string text)
    {
        try
        {
            using var document = System.Text.Json.JsonDocument.Parse(text);
            return true;
        }
        catch (System.Text.Json.JsonException)
        {
            return false;
        }
    }
}
