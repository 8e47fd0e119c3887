using System.Text.Json;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Catalog;
using ConvexWeb.Server.Catalog;
using ConvexWeb.Server.Studies;
using ConvexWeb.Training.Convexity;
using ConvexWeb.Training.Data;
using ConvexWeb.Training.Models;
using ConvexWeb.Training.Options;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Tests.Training;

public sealed class SpecTests
{
    /// <summary>Malformed specs, each with the path of the one problem that it must give.</summary>
    public static TheoryData<string, string> Malformed() => new()
    {
        { "", "" },
        { "not json", "" },
        { "{\"model\":", "" },
        { "[]", "" },
        { "null", "" },
        { "\"mlp\"", "" },
        { """{"modell": {"name": "mlp"}}""", "modell" },
        { """{"model": "mlp"}""", "model" },
        { """{"model": []}""", "model" },
        { """{"model": {}}""", "model.name" },
        { """{"model": {"name": "cnn"}}""", "model.name" },
        { """{"model": {"name": 3}}""", "model.name" },
        { """{"model": {"name": "mlp", "widht": 10}}""", "model.widht" },
        { """{"model": {"name": "mlp", "width": 0}}""", "model.width" },
        { """{"model": {"name": "mlp", "width": -5}}""", "model.width" },
        { """{"model": {"name": "mlp", "width": 800.5}}""", "model.width" },
        { """{"model": {"name": "mlp", "width": "800"}}""", "model.width" },
        { """{"model": {"name": "mlp", "width": 99999999999999999999}}""", "model.width" },
        { """{"model": {"name": "mlp", "width": null}}""", "model.width" },
        { """{"model": {"name": "mlp", "width": true}}""", "model.width" },
        { """{"model": {"name": "mlp", "width": [800]}}""", "model.width" },
        { """{"model": {"name": "mlp", "batch_norm": 1}}""", "model.batch_norm" },
        { """{"model": {"name": "mlp", "activation": "gelu"}}""", "model.activation" },
        { """{"model": {"name": "mlp", "width": 1, "width": 2}}""", "model.width" },
        { """{"model": {"name": "mlp", "width": 16384, "depth": 16}}""", "model.width" },
        { """{"convexity": {"name": "exp_eps", "eps": 0}}""", "convexity.eps" },
        { """{"convexity": {"name": "none", "eps": 5}}""", "convexity.eps" },
        { """{"data": {"name": "places365"}}""", "data.name" },
        { """{"data": {"name": "cifar10", "train_limit": 50001}}""", "data.train_limit" },
        { """{"data": {"name": "cifar10", "train_limit": 1}}""", "data.train_limit" },
        { """{"data": {"name": "glyphs", "train_size": 10, "validation": 0.9}}""", "data.validation" },
        { """{"labels": {"name": "partial", "p": 1.5}}""", "labels.p" },
        { """{"labels": {"name": "partial", "p": "NaN"}}""", "labels.p" },
        { """{"optimizer": {"name": "adam", "lr": 0}}""", "optimizer.lr" },
        { """{"optimizer": {"name": "adam", "lr": 1e999}}""", "optimizer.lr" },
        { """{"optimizer": {"name": "adam", "lr": -1e999}}""", "optimizer.lr" },
        { """{"optimizer": {"name": "adam", "lr": NaN}}""", "optimizer.lr" },
        { """{"optimizer": {"name": "adam", "lr": -Infinity}}""", "optimizer.lr" },
        { """{"model": {"name": "\ud800"}}""", "model.name" },
        { """{"model": {"\udfff": 1}}""", "model" },
        { """{"optimizer": {"name": "sgd", "momentum": 0, "nesterov": true}}""", "optimizer.nesterov" },
        { """{"schedule": {"name": "multi_step", "milestones": []}}""", "schedule.milestones" },
        { """{"schedule": {"name": "multi_step", "milestones": [5, 3]}}""", "schedule.milestones" },
        { """{"schedule": {"name": "multi_step", "milestones": [10]}}""", "schedule.milestones" },
        { """{"schedule": {"name": "cosine", "warmup_epochs": 10}}""", "schedule.warmup_epochs" },
        { """{"training": {"epochs": 0}}""", "training.epochs" },
        { """{"training": {"name": "x"}}""", "training.name" },
        { """{"training": {"batch_size": 5000}}""", "training.batch_size" },
        { """{"training": {"patience": 5}}""", "training.patience" },
        {
            """{"training": {"epochs": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": """
            + """{"k": {"l": {"m": {"n": {"o": {"p": 1}}}}}}}}}}}}}}}}}}""", ""
        },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void A_malformed_spec_gives_one_sentence_that_names_the_field(string json, string path)
    {
        var reading = SpecReader.Read(json);
        Assert.Null(reading.Spec);
        var problem = Assert.Single(reading.Problems);
        Assert.Equal(path, problem.Path);
        Assert.EndsWith(".", problem.Message);
        if (path.Length > 0 && path != "model.width") Assert.Contains(path, problem.Message);
        Assert.InRange(problem.Message.Length, 20, 300);
    }

    [Fact]
    public void All_problems_are_found_at_once()
    {
        var reading = SpecReader.Read(
            """{"model": {"name": "mlp", "width": 0, "depth": 99}, "optimizer": {"name": "adam", "lr": "fast"}, "x": 1}""");
        Assert.Equal(["model.depth", "model.width", "optimizer.lr", "x"], reading.Problems.Select(p => p.Path).Order());
    }

    [Fact]
    public void A_message_says_value_and_range()
        => Assert.Equal(
            "model.width must be a whole number from 1 to 16384; got 0.",
            SpecReader.Read("""{"model": {"name": "mlp", "width": 0}}""").Problems.Single().Message);

    [Fact]
    public void An_empty_object_is_the_default_spec() => Assert.Equal(new Spec(), SpecReader.Read("{}").Spec);

    [Fact]
    public void Every_preset_of_a_table_has_a_small_variant_that_says_so()
    {
        var published = Presets.All
            .Where(p => p.Source != "not the source's setting" && p.Group is not ("Demo" or "Memorisation, further studies")).ToList();
        Assert.True(published.Count > 70);
        Assert.All(published, preset =>
        {
            var small = Presets.Find(preset.Name + "-small")!;
            Assert.Equal("not the source's setting", small.Source);
            Assert.False(small.NeedsGpu);
            // An early stop that a preset is named after stays.
            if (preset.Name.Contains("early", StringComparison.Ordinal)) Assert.NotNull(small.Spec.Training.Patience);
            Assert.Equal(preset.Spec.Convexity.Name, small.Spec.Convexity.Name);
            var flop = Description.Of(small.Spec).FlopPerStep * Description.Of(small.Spec).TotalSteps;
            Assert.True(flop < 1e14, $"{small.Name} would take too long on two cores");
        });
        Assert.Equal(Presets.All.Count, Presets.All.Select(p => p.Name).Distinct().Count());
    }

    public static TheoryData<string> PresetNames() => [.. Presets.All.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(PresetNames))]
    public void A_preset_is_valid_and_comes_back_as_it_was_written(string name)
    {
        var json = SpecWriter.ToJson(Presets.Find(name)!.Spec).ToJsonString();
        var reading = SpecReader.Read(json);
        Assert.Empty(reading.Problems);
        Assert.Equal(json, SpecWriter.ToJson(reading.Spec!).ToJsonString());
    }

    public static TheoryData<string> StudyPresets() => [.. Presets.All.Where(p => p.Study is not null).Select(p => p.Name)];

    // As the form and the API make them of a preset: what one run of a study refuses, refuses the study.
    [Theory]
    [MemberData(nameof(StudyPresets))]
    public void Every_run_of_a_study_is_valid(string name)
    {
        var preset = Presets.Find(name)!;
        var spec = JsonSerializer.SerializeToElement(SpecWriter.ToJson(preset.Spec));
        var grid = preset.Study!.Varied.ToDictionary(field => field.Key, IReadOnlyList<JsonElement> (field) =>
            [.. field.Value.Split(", ").Select(value => JsonSerializer.SerializeToElement(FieldValue.Parse(TypeOf(field.Key), value)))]);
        foreach (var run in Grid.Expand(spec, grid)) Assert.Empty(SpecReader.Read(run.Spec.GetRawText()).Problems);
    }

    private static string TypeOf(string path)
    {
        var (section, name) = (path.Split('.')[0], path.Split('.')[1]);
        var found = Catalogue.Sections.Single(s => s.Key == section);
        var type = found.Parameters.Concat(found.Choices.SelectMany(c => c.Parameters)).FirstOrDefault(p => p.Name == name)?.Type;
        return type is { } known ? SpecCatalog.NameOf(known) : "text";
    }

    [Fact]
    public void Every_default_and_limit_of_every_parameter_is_accepted_and_what_lies_beyond_is_not()
    {
        foreach (var section in Catalogue.Sections)
        {
            var entries = section.Choices.Count > 0
                ? section.Choices.Select(c => (c.Name, c.Parameters))
                : [(null!, section.Parameters)];
            foreach (var (entry, parameters) in entries)
            {
                foreach (var parameter in parameters)
                {
                    Assert.Empty(ProblemsAt(section, entry, parameter, SpecWriter.ValueToJson(parameter.Default)));
                    Assert.NotEmpty(ProblemsAt(section, entry, parameter, new JsonObject()));
                    if (parameter.Max is { } max) Assert.NotEmpty(ProblemsAt(section, entry, parameter, max * 2 + 1));
                    if (parameter.Min is { } min) Assert.NotEmpty(ProblemsAt(section, entry, parameter, min - 1));
                    Assert.NotEmpty(parameter.Help);
                }
            }
        }
    }

    private static IEnumerable<SpecProblem> ProblemsAt(Section section, string? entry, Parameter parameter, JsonNode? value)
    {
        var fields = new JsonObject { [parameter.Name] = value?.DeepClone() };
        if (entry is not null) fields["name"] = entry;
        var path = $"{section.Key}.{parameter.Name}";
        // Rules between fields may speak up as well (a number of milestones against the epochs): only the field's own range counts here.
        return SpecReader.Read(new JsonObject { [section.Key] = fields }.ToJsonString()).Problems
            .Where(p => p.Path == path && p.Message.StartsWith($"{path} must be", StringComparison.Ordinal));
    }

    [Fact]
    public void The_group_key_differs_with_any_field_and_only_then()
    {
        var spec = new Spec();
        Assert.Equal(SpecWriter.GroupKey(spec), SpecWriter.GroupKey(SpecReader.Read("""{"training": {"epochs": 10}}""").Spec!));
        Assert.NotEqual(SpecWriter.GroupKey(spec), SpecWriter.GroupKey(spec with { Training = new TrainingOptions { Epochs = 11 } }));
    }

    [Theory]
    [InlineData("mnist", 1_922_410)]
    [InlineData("fashion_mnist", 1_922_410)]
    [InlineData("cifar10", 3_752_810)]
    [InlineData("cifar100", 3_824_900)]
    public void The_MLP_has_the_papers_parameter_count(string data, long count)
    {
        foreach (var convexity in new[] { "none", "exp_eps" })
        {
            var spec = SpecReader.Read($"{{\"data\": {{\"name\": \"{data}\"}}, \"convexity\": {{\"name\": \"{convexity}\"}}}}").Spec!;
            Assert.Equal(count, Description.Of(spec).Parameters);
        }
    }

    [Fact]
    public void A_choice_is_an_enum_whose_members_are_the_words_of_specs()
    {
        Assert.Equal(
            ["auto", "none", "standardize", "imagenet", "zca", "per_image", "centered"], ChoiceWord.All(typeof(PreprocessingKind)));
        var spec = SpecReader.Read("""
            {"model": {"name": "mlp", "activation": "leaky_relu"}, "convexity": {"name": "clip", "init": "absolute_tenth"}}
            """).Spec!;
        Assert.Equal(ActivationChoice.LeakyRelu, ((MlpOptions)spec.Model).Activation);
        Assert.Equal(ConstrainedStart.AbsoluteTenth, ((ClipOptions)spec.Convexity).Init);
        Assert.Equal("absolute_tenth", (string?)SpecWriter.ToJson(spec)["convexity"]!["init"]);
    }
}
