using System.Text.RegularExpressions;
using AngleSharp.Dom;
using ConvexWeb.Client.Studies;

namespace ConvexWeb.Tests.Client;

public sealed class NewExperimentTests : PageContext
{
    [Fact]
    public void Every_section_choice_and_parameter_of_the_catalogue_has_a_labelled_field()
    {
        var page = Open<NewExperiment>("new");

        foreach (var section in Catalog.Get().Sections)
        {
            if (section.Choices.Count > 0) Assert.NotNull(Field(page, $"{section.Key}.name"));
            foreach (var parameter in section.Parameters.Concat(section.Choices is [var first, ..] ? first.Parameters : []))
            {
                var field = Field(page, $"{section.Key}.{parameter.Name}");
                Assert.Equal(parameter.Title, page.Find($"label[for={field.Id}]").TextContent);
                Assert.Contains(parameter.Help, page.Find($"#{field.Id}-help").TextContent);
            }
        }
    }

    [Fact]
    public void A_field_shows_its_range_and_default()
    {
        var page = Open<NewExperiment>("new");

        Assert.Contains("1 to 4096, default 800", page.Find("#f-model-width-help").TextContent);
        Assert.Equal("800", Field(page, "model.width").GetAttribute("value"));
    }

    [Theory]
    [InlineData("many", "must be a whole number from 1 to 4096; got \"many\"")]
    [InlineData("0", "must be at least 1")]
    public void A_wrong_value_is_named_at_its_field_and_stops_the_submission(string typed, string problem)
    {
        var page = Open<NewExperiment>("new");

        Do(page, () => Field(page, "model.width").Input(typed));

        page.WaitForAssertion(() => Assert.Contains(problem, page.Find("#f-model-width-problem").TextContent));
        Assert.Equal("true", Field(page, "model.width").GetAttribute("aria-invalid"));
        Assert.Equal(typed, Field(page, "model.width").GetAttribute("value"));
        Assert.True(Submit(page).HasAttribute("disabled"));
    }

    [Fact]
    public void Another_choice_brings_its_own_fields()
    {
        var page = Open<NewExperiment>("new");
        Assert.Empty(page.FindAll("#f-convexity-eps"));

        Choose(page, "f-convexity-name", "exp_eps");

        Assert.Equal("5", Field(page, "convexity.eps").GetAttribute("value"));
    }

    [Fact]
    public async Task A_varied_field_becomes_a_grid_and_the_number_of_runs_is_shown()
    {
        var page = Open<NewExperiment>("new");

        Do(page, () => page.Find("[aria-label='Vary Lr']").Click());
        Do(page, () => Field(page, "optimizer.lr").Input("0.1, 0.01, 0.001"));
        Do(page, () => page.Find("#seeds").Input("0-4"));
        page.WaitForAssertion(() => Assert.Contains("15 runs", page.Find("[data-testid=run-count]").TextContent));
        await Submit(page).ClickAsync();

        Assert.Equal([0, 1, 2, 3, 4], Runs.Submitted!.Seeds);
        Assert.Equal(["0.1", "0.01", "0.001"], Runs.Submitted.Grid!["optimizer.lr"].Select(v => v.GetRawText()));
        Assert.EndsWith("?study=7", Navigation.Uri);
    }

    [Fact]
    public async Task The_demo_varies_labels_and_convexity()
    {
        var page = Open<NewExperiment>("new?demo=true");
        await Submit(page).ClickAsync();

        Assert.Equal(["none", "exp_eps"], Runs.Submitted!.Grid!["convexity.name"].Select(v => v.GetString()!));
        Assert.Equal(["true", "random"], Runs.Submitted.Grid["labels.name"].Select(v => v.GetString()!));
    }

    [Theory]
    [InlineData("", "Give at least one seed")]
    [InlineData("a", "“a” is not a seed")]
    [InlineData("4-2", "must go upwards")]
    public void Wrong_seeds_are_explained(string typed, string problem)
    {
        var page = Open<NewExperiment>("new");

        Do(page, () => page.Find("#seeds").Input(typed));

        Assert.Contains(problem, page.Find("#seeds-problem").TextContent);
        Assert.True(Submit(page).HasAttribute("disabled"));
    }

    [Fact]
    public async Task What_only_the_server_finds_is_shown_at_the_field_too()
    {
        Runs.Refusal = [new("grid.optimizer.lr", "optimizer.lr must be above 0.")];
        var page = Open<NewExperiment>("new");

        await Submit(page).ClickAsync();

        Assert.Contains("must be above 0", page.Find("#f-optimizer-lr-problem").TextContent);
    }

    [Theory]
    [InlineData("#seeds", "0-3")]
    [InlineData("#study-name", "Smaller")]
    public async Task What_the_server_refused_can_be_mended(string field, string typed)
    {
        Runs.Refusal = [new("seeds", "This would be too many runs.")];
        var page = Open<NewExperiment>("new");
        await Submit(page).ClickAsync();
        Assert.Contains("too many runs", page.Find("#seeds-problem").TextContent);
        Assert.True(Submit(page).HasAttribute("disabled"));

        Do(page, () => page.Find(field).Input(typed));

        Assert.False(Submit(page).HasAttribute("disabled"));
    }

    [Fact]
    public void More_runs_than_a_study_may_have_are_not_offered_to_the_server()
    {
        var page = Open<NewExperiment>("new");
        Do(page, () => page.Find("#seeds").Input("0-499"));
        Assert.False(Submit(page).HasAttribute("disabled"));

        Do(page, () => page.Find("[aria-label='Vary Lr']").Click());
        Do(page, () => Field(page, "optimizer.lr").Input("0.1, 0.01"));

        page.WaitForAssertion(() => Assert.Contains("at most 500 runs", page.Find("[data-testid=too-many]").TextContent));
        Assert.True(Submit(page).HasAttribute("disabled"));
    }

    [Fact]
    public async Task A_field_with_several_choices_is_a_named_group_and_its_problem_belongs_to_it()
    {
        Runs.Refusal = [new("grid.labels.name", "labels.name cannot be that.")];
        var page = Open<NewExperiment>("new?demo=true");
        await Submit(page).ClickAsync();

        var group = Field(page, "labels.name");

        Assert.Equal("fieldset", group.LocalName); // a group, named by its legend
        Assert.Equal("Labels", group.QuerySelector("legend")!.TextContent);
        Assert.Contains("cannot be that", page.Find("#" + group.GetAttribute("aria-describedby")).TextContent);
    }

    [Fact]
    public async Task One_run_leads_to_its_page()
    {
        await Submit(Open<NewExperiment>("new")).ClickAsync();

        Assert.EndsWith("runs/41", Navigation.Uri);
    }

    [Fact]
    public void Another_runs_spec_and_seed_can_be_started_from()
    {
        Runs.Add(5, r => r with { Seed = 3 }, FakeCatalog.Default.Replace("\"width\":800", "\"width\":64"));

        var page = Open<NewExperiment>("new?from=5");

        Assert.Equal("64", Field(page, "model.width").GetAttribute("value"));
        Assert.Equal("3", page.Find("#seeds").GetAttribute("value"));
    }

    [Fact]
    public void A_run_to_start_from_that_cannot_be_read_is_asked_for_again()
    {
        Runs.Add(5, r => r with { Seed = 3 }, FakeCatalog.Default.Replace("\"width\":800", "\"width\":64"));
        Runs.Failure = new InvalidOperationException("away");
        var page = Open<NewExperiment>("new?from=5");
        Assert.Equal("800", Field(page, "model.width").GetAttribute("value"));
        Runs.Failure = null;

        Do(page, () => page.Find("[role=alert] button").Click());

        Assert.Equal("64", Field(page, "model.width").GetAttribute("value"));
        Assert.False(page.Find("[data-testid=composer]").HasAttribute("inert"));
        Assert.Empty(page.FindAll("[role=alert]"));
    }

    [Fact]
    public void A_preset_says_what_is_its_sources_and_a_figure_brings_its_runs()
    {
        var page = Open<NewExperiment>("new?preset=figure");

        var text = page.Find("[data-testid=preset]").TextContent;
        Assert.Contains("Its recipe.", text, StringComparison.Ordinal);
        Assert.Contains("Nothing known.", text, StringComparison.Ordinal);
        Assert.Contains("6 runs", Regex.Replace(page.Find("[data-testid=run-count]").TextContent, @"\s+", " "), StringComparison.Ordinal);
        Assert.Equal("Figure 1: two widths", page.Find("#study-name").GetAttribute("value"));
        Assert.Equal("0-2", page.Find("#seeds").GetAttribute("value"));
    }

    [Fact]
    public void Which_of_the_two_views_is_shown_stands_in_the_address()
    {
        var page = Open<NewExperiment>("new?preset=tiny&view=json");
        Assert.Contains("\"model\"", page.Find("#spec-json").GetAttribute("value"), StringComparison.Ordinal);

        Do(page, () => page.FindAll("[aria-label=View] button")[0].Click());
        Assert.Empty(page.FindAll("#spec-json"));
        Assert.EndsWith("/new?preset=tiny", Navigation.Uri, StringComparison.Ordinal);

        Do(page, () => page.FindAll("[aria-label=View] button")[1].Click());
        Assert.EndsWith("/new?preset=tiny&view=json", Navigation.Uri, StringComparison.Ordinal);
    }

    [Fact]
    public void The_spec_can_be_written_as_JSON()
    {
        var page = Open<NewExperiment>("new");
        Do(page, () => page.FindAll("[aria-label=View] button")[1].Click());

        Do(page, () => page.Find("#spec-json").Input("{\"model\":"));
        Assert.Contains("This is not JSON yet", page.Markup);
        Assert.True(Submit(page).HasAttribute("disabled"));

        Do(page, () => page.Find("#spec-json").Input(FakeCatalog.Default.Replace("\"width\":800", "\"width\":12")));
        Do(page, () => page.FindAll("[aria-label=View] button")[0].Click());
        Assert.Equal("12", Field(page, "model.width").GetAttribute("value"));
    }

    [Fact]
    public async Task A_grid_outlives_an_edit_of_the_JSON_that_leaves_its_fields_alone()
    {
        var page = Open<NewExperiment>("new");
        Do(page, () => page.Find("[aria-label='Vary Lr']").Click());
        Do(page, () => Field(page, "optimizer.lr").Input("0.1, 0.01"));
        Do(page, () => page.FindAll("[aria-label=View] button")[1].Click());
        var text = page.Find("#spec-json").GetAttribute("value")!;
        Assert.Contains("0.1, 0.01", page.Find("[data-testid=composer]").TextContent);

        Do(page, () => page.Find("#spec-json").Input(text.Replace("800", "12")));
        Assert.Contains("2", page.Find("[data-testid=run-count] strong").TextContent);
        await Submit(page).ClickAsync(new());
        Assert.Equal("""[0.1,0.01]""", System.Text.Json.JsonSerializer.Serialize(Runs.Submitted!.Grid!["optimizer.lr"]));
        Assert.Equal(12, Runs.Submitted.Spec.GetProperty("model").GetProperty("width").GetInt32());
    }

    [Fact]
    public void A_varied_field_that_the_JSON_sets_anew_has_that_one_value()
    {
        var page = Open<NewExperiment>("new");
        Do(page, () => page.Find("[aria-label='Vary Lr']").Click());
        Do(page, () => Field(page, "optimizer.lr").Input("0.1, 0.01"));
        Do(page, () => page.FindAll("[aria-label=View] button")[1].Click());

        Do(page, () => page.Find("#spec-json").Input(page.Find("#spec-json").GetAttribute("value")!.Replace("0.1", "0.5")));

        Assert.Equal("1", page.Find("[data-testid=run-count] strong").TextContent);
    }

    [Fact]
    public async Task A_double_click_queues_once()
    {
        var page = Open<NewExperiment>("new");
        Runs.Gate = new TaskCompletionSource();
        var button = Submit(page);

        var first = button.ClickAsync(new());
        var second = button.ClickAsync(new());
        Runs.Gate.SetResult();
        await Task.WhenAll(first, second);

        Assert.Equal(1, Runs.Submissions);
    }

    [Fact]
    public void Another_address_starts_the_form_anew()
    {
        Runs.Add(5, r => r with { Seed = 3 }, FakeCatalog.Default.Replace("\"width\":800", "\"width\":64"));
        var page = Open<NewExperiment>("new?from=5");
        Assert.Equal("64", Field(page, "model.width").GetAttribute("value"));

        Navigation.NavigateTo("new");
        page.Render();

        Assert.Equal("800", Field(page, "model.width").GetAttribute("value"));
        Assert.Equal("0", page.Find("#seeds").GetAttribute("value"));
        Assert.Equal("", page.Find("#study-name").GetAttribute("value") ?? "");
    }

    [Theory]
    [InlineData("""{"model":{"name":"\ud800"}}""")]
    [InlineData("""{"model":{"name":"mlp","width":"\udc00"}}""")]
    [InlineData("""{"\ud800":1}""")]
    [InlineData("""{"model":{"name":"mlp","name":"allconv"}}""")]
    [InlineData("[1]")]
    [InlineData("")]
    public void JSON_that_is_no_spec_is_told_and_the_page_stays(string text)
    {
        var page = Open<NewExperiment>("new");
        Do(page, () => page.FindAll("[aria-label=View] button")[1].Click());

        Do(page, () => page.Find("#spec-json").Input(text));

        Assert.NotEqual("", page.Find("#spec-json-problem").TextContent.Trim());
        Assert.True(Submit(page).HasAttribute("disabled"));
        Do(page, () => page.Find("#seeds").Input("0-2")); // does not make it right
        Assert.True(Submit(page).HasAttribute("disabled"));
        // Nor does a look at the form throw away what was typed; that takes a second, named click.
        Do(page, () => page.FindAll("[aria-label=View] button")[0].Click());
        Assert.Equal(text, page.Find("#spec-json").GetAttribute("value"));
        Do(page, () => page.Find("[data-testid=composer] [role=alert] button").Click());
        Assert.Equal("800", Field(page, "model.width").GetAttribute("value"));
        Assert.False(Submit(page).HasAttribute("disabled"));
    }

    [Fact]
    public void Parameters_steps_and_layers_are_known_before_the_run()
    {
        var page = Open<NewExperiment>("new");

        Assert.Contains("1,922,410", page.Find("[data-testid=estimate]").TextContent);
        Assert.Equal(3, page.FindAll("[data-testid=layers] tbody tr").Count);
    }

    private static IElement Field(IRenderedComponent<NewExperiment> page, string path) => page.Find("#f-" + path.Replace('.', '-'));

    // Clicked with await: the form may still be busy with what was typed last, and a click without waits behind it.
    private static IElement Submit(IRenderedComponent<NewExperiment> page) => page.Find("[data-testid=submit]");
}
