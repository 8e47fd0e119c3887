using System.Text.Json.Nodes;
using ConvexWeb.Training.Specs;

namespace ConvexWeb.Tests.Training;

/// <summary>A spec of the first version trains what it always did, or is refused; never silently another run.</summary>
public sealed class SpecVersionTests
{
    /// <summary>Specs of the first version: a field, what it is there, and what it would be today.</summary>
    public static TheoryData<string, string, string, string?> Changed() => new()
    {
        { """{"model":{"name":"cycle_mlp"}}""", "model.mode", "\"strict\"", "\"auto\"" },
        { """{"model":{"name":"mixer","patch":7}}""", "model.mode", "\"strict\"", "\"auto\"" },
        { """{"model":{"name":"mixer","patch":7,"mode":"seed"}}""", "model.norm_eps", "1E-06", null },
        {
            """{"model":{"name":"cycle_mlp","mode":"seed"},"convexity":{"name":"clip"},"data":{"name":"glyphs","preprocessing":"none"}}""",
            "model.constrain_gate_biases", "false", "true"
        },
        { """{"model":{"name":"densenet","dropout":0.2}}""", "model.dropout_after", "\"layer_end\"", "\"each\"" },
        { """{"model":{"name":"efficientnet_b0"}}""", "model.drop_path", "0", "0.2" },
        {
            """{"model":{"name":"ensemble_em"},"data":{"name":"glyphs","task":"five_and_up"}}""", "model.gate_width", "100", "800"
        },
        { """{"data":{"name":"glyphs","preprocessing":"zca"},"augmentation":{"flip":true}}""", "data.zca_first", "true", "false" },
        { """{"convexity":{"name":"clip"},"augmentation":{"pad_crop":2}}""", "data.zca_first", "true", "false" },
        { """{"model":{"name":"ensemble_boost"},"training":{"epochs":8}}""", "model.rule", "\"samme_restart\"", "\"samme\"" },
    };

    [Theory]
    [MemberData(nameof(Changed))]
    public void Version_1_writes_out_what_has_another_default_today(string spec, string path, string then, string? now)
    {
        Assert.Equal(then, Value(With(spec, 1), path));
        Assert.Equal(then, Value(SpecReader.ReadStored(spec), path));
        Assert.Equal(now, Value(With(spec, 2), path));

        var silent = SpecReader.Read(spec);
        Assert.Null(silent.Spec);
        var problem = Assert.Single(silent.Problems);
        Assert.Equal("spec_version", problem.Path);
        Assert.Contains(path, problem.Message, StringComparison.Ordinal);
        Assert.Contains("\"spec_version\": 2", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Changed))]
    public void Seed_groups_of_both_versions_stay_apart_and_earlier_ones_together(string spec, string path, string then, string? now)
    {
        Assert.NotEqual(then, now);
        var (old, today) = (SpecReader.ReadStored(spec).Spec!, With(spec, 2).Spec!);
        Assert.NotEqual(SpecWriter.GroupKey(old), SpecWriter.GroupKey(today));
        // The key leaves out what the first version had without saying so.
        var said = SpecVersions.Unsaid(SpecWriter.ToJson(old));
        var parts = path.Split('.');
        Assert.Equal(then, said[(parts[0], parts[1])]!.ToJsonString());
    }

    [Theory]
    [MemberData(nameof(Changed))]
    public void A_stored_spec_is_whole_and_read_as_its_short_one(string spec, string path, string then, string? now)
    {
        Assert.NotEqual(then, now);
        var whole = SpecWriter.ToJson(SpecReader.ReadStored(spec).Spec!);
        whole.Remove("spec_version");
        string[] added =
        [
            "dropout_after", "exempt_list", "constrain_gate_biases", "norm_eps", "c7_padding", "rule", "resized_crop", "evaluation_resize",
            "zca_first", "weight_decay_on", "drop_last", "sampler", "stream",
        ];
        foreach (var (_, part) in whole)
            foreach (var name in added) part!.AsObject().Remove(name);
        if (path == "model.drop_path") whole["model"]!.AsObject().Remove("drop_path");
        var read = SpecReader.ReadStored(whole.ToJsonString());
        Assert.Equal(SpecWriter.ToJson(SpecReader.ReadStored(spec).Spec!).ToJsonString(), SpecWriter.ToJson(read.Spec!).ToJsonString());
        Assert.Equal(SpecWriter.GroupKey(SpecReader.ReadStored(spec).Spec!), SpecWriter.GroupKey(read.Spec!));
    }

    [Theory]
    [InlineData("""{"spec_version":1,"model":{"name":"mlp"},"model":{"name":"mlp"}}""", "model")]
    [InlineData("""{"spec_version":1,"model":{"name":"mlp","width":1,"width":2}}""", "model.width")]
    [InlineData("""{"spec_version":1,"data":"cifar10","convexity":{"name":"exp_eps"}}""", "data")]
    [InlineData("""{"spec_version":1,"spec_version":2}""", "spec_version")]
    [InlineData("""{"spec_version":1,"augmentation":{"rand_augment":9,"colour_jitter":0.4}}""", "augmentation.colour_jitter")]
    public void What_is_wrong_with_a_spec_of_the_first_version_is_said(string spec, string path)
        => Assert.Equal(path, Assert.Single(SpecReader.Read(spec).Problems).Path);

    [Theory]
    [InlineData("""{"augmentation":{"rand_augment":9,"colour_jitter":0.4}}""")]
    [InlineData("""{"model":{"name":"ensemble_boost","expert":"densenet","dropout":0.2},"training":{"epochs":8}}""")]
    public void A_checkpoint_is_opened_whatever_its_training_would_be_refused_for(string spec)
        => Assert.NotNull(SpecReader.ReadStored(spec).Spec);

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"convexity":{"name":"exp_eps"},"augmentation":{"flip":false}}""")]
    [InlineData("""{"model":{"name":"mlp","width":64},"labels":{"name":"random"}}""")]
    [InlineData("""{"convexity":{"name":"exp_eps"},"data":{"name":"glyphs","preprocessing":"standardize"}}""")]
    [InlineData("""{"model":{"name":"densenet"}}""")]
    public void A_spec_that_means_the_same_in_both_needs_no_version(string spec)
    {
        var read = SpecReader.Read(spec);
        Assert.Empty(read.Problems);
        Assert.Equal(
            SpecWriter.ToJson(SpecReader.ReadStored(spec).Spec!).ToJsonString(), SpecWriter.ToJson(read.Spec!).ToJsonString());
    }

    [Fact]
    public void What_cannot_be_had_again_is_refused_with_what_to_write()
    {
        const string Spec =
            """{"model":{"name":"ensemble_boost","expert":"densenet","dropout":0.2},"training":{"epochs":8}}""";
        Assert.Contains("spec_version 2", Assert.Single(With(Spec, 1).Problems).Message, StringComparison.Ordinal);
        Assert.Equal("spec_version", Assert.Single(SpecReader.Read(Spec).Problems).Path);
        Assert.Empty(With(Spec, 2).Problems);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("3")]
    [InlineData("\"2\"")]
    [InlineData("null")]
    [InlineData("1.5")]
    public void Another_version_is_refused(string version)
        => Assert.Equal("spec_version", Assert.Single(SpecReader.Read($$"""{"spec_version":{{version}}}""").Problems).Path);

    [Fact]
    public void Every_preset_is_written_with_the_version_and_read_as_itself()
    {
        foreach (var preset in Presets.All)
        {
            var json = SpecWriter.ToJson(preset.Spec);
            Assert.Equal(2, json["spec_version"]!.GetValue<int>());
            var read = SpecReader.Read(json.ToJsonString());
            Assert.True(read.Spec is not null, $"{preset.Name}: {string.Join(' ', read.Problems.Select(p => p.Sentence))}");
            Assert.Equal(json.ToJsonString(), SpecWriter.ToJson(read.Spec).ToJsonString());
        }
    }

    [Fact]
    public void A_stored_spec_is_stamped_once()
    {
        Assert.Equal("""{"spec_version":1,"model":{"name":"mlp"}}""", SpecVersions.Stamped("""{"model":{"name":"mlp"}}"""));
        Assert.Equal("""{"spec_version":2}""", SpecVersions.Stamped("""{"spec_version":2}"""));
    }

    private static SpecReading With(string spec, int version)
    {
        var json = JsonNode.Parse(spec)!.AsObject();
        json["spec_version"] = version;
        return SpecReader.Read(json.ToJsonString());
    }

    private static string? Value(SpecReading reading, string path)
    {
        Assert.Empty(reading.Problems);
        var parts = path.Split('.');
        return SpecWriter.ToJson(reading.Spec!)[parts[0]]![parts[1]]?.ToJsonString();
    }
}
