using ConvexWeb.Server;
using ConvexWeb.Server.Leasing;
using Microsoft.Extensions.Configuration;

namespace ConvexWeb.Tests;

public sealed class SettingsTests
{
    [Fact]
    public void Validate_Defaults_AreGood() => Assert.True(Check(new Settings()).Succeeded);

    [Fact]
    public void Validate_ManyProblems_AllAreListed()
    {
        var result = Check(new Settings
        {
            Data = " ",
            Url = "five thousand",
            PublicUrl = "ftp://lab",
            TrustedProxies = { "10.0.0.0/33" },
            Limits = { SignInsPerMinute = 0 },
        });

        Assert.Equal(5, result.Failures!.Count());
    }

    [Fact]
    public void Validate_OpenToTheNetworkWithoutHostNames_IsRefused()
    {
        Assert.Contains("AllowedHosts", Check(new Settings { Url = "http://0.0.0.0:5080" }).FailureMessage, StringComparison.Ordinal);
        Assert.True(Check(new Settings { Url = "http://*:5080", AllowPlainHttp = true }, "convex.lab.example").Succeeded);
    }

    [Fact]
    public void Validate_OpenToTheNetworkAndPeopleKnowWhere_IsGood() =>
        Assert.True(
            Check(new Settings { Url = "http://0.0.0.0:5080", PublicUrl = "http://localhost:5080", AllowPlainHttp = true }).Succeeded);

    [Theory]
    [InlineData("http://0.0.0.0:5080", "http://lab.example:5080", false)]
    [InlineData("http://0.0.0.0:5080", null, false)]
    [InlineData("http://127.0.0.1:5080", "http://lab.example", false)]
    [InlineData("http://127.0.0.1:5080", null, true)]
    [InlineData("http://0.0.0.0:5080", "http://localhost:5080", false)]
    [InlineData("http://127.0.0.1:5080;http://0.0.0.0:5081", "http://localhost:5080", false)]
    [InlineData("https://0.0.0.0:5443", "https://lab.example:5443", true)]
    public void D17_Plain_http_from_other_machines_is_refused_unless_a_setting_allows_it(string url, string? people, bool isGood)
    {
        var result = Check(new Settings { Url = url, PublicUrl = people }, "lab.example");

        Assert.Equal(isGood, result.Succeeded);
        if (!isGood) Assert.Contains("AllowPlainHttp", result.FailureMessage, StringComparison.Ordinal);
        Assert.True(Check(new Settings { Url = url, PublicUrl = people, AllowPlainHttp = true }, "lab.example").Succeeded);
    }

    [Fact]
    public void Validate_HttpsWithNobodyToSpeakIt_IsRefused()
    {
        Assert.Contains(
            "TrustedProxies", Check(new Settings { PublicUrl = "https://lab.example" }).FailureMessage, StringComparison.Ordinal);
        Assert.True(Check(new Settings { PublicUrl = "https://lab.example", TrustedProxies = { "127.0.0.1" } }).Succeeded);
        Assert.True(Check(new Settings { PublicUrl = "https://lab.example", Url = "https://127.0.0.1:5443" }).Succeeded);
        Assert.True(Check(new Settings { PublicUrl = "https://lab.example", Role = Role.Worker }).Succeeded);
    }

    [Fact]
    public void Validate_WorkerOnTheNetwork_IsRefused()
        => Assert.True(Check(new Settings { Role = Role.Worker, Url = "http://0.0.0.0:5081" }).Failed);

    [Fact]
    public void ListenUrl_OfAWorker_IsAnyFreePortSoThatSeveralStartOnOneHost()
        => Assert.Equal("http://127.0.0.1:0", new Settings { Role = Role.Worker }.ListenUrl);

    [Theory]
    [InlineData("cpu=16000, cuda:0=24000", "")]
    [InlineData("cpu=lots", "got 'cpu=lots'")]
    [InlineData("cpu", "got 'cpu'")]
    [InlineData("cpu=0", "got 'cpu=0'")]
    [InlineData("cuda:1=5", "names cuda:1, which is not in Convex:Worker:Devices")]
    [InlineData("cpu=5, cpu=6", "names cpu twice")]
    public void Problems_MemoryOfDevices_IsChecked(string memory, string problem)
    {
        var settings = new WorkerSettings { Devices = "cuda:0", DeviceMemory = memory };
        if (problem.Length > 0) Assert.Contains(problem, Assert.Single(settings.Problems()), StringComparison.Ordinal);
        else Assert.Empty(settings.Problems());
        if (problem.Length == 0) Assert.Equal(24000, settings.DeviceMemoryMb["cuda:0"]);
    }

    [Fact]
    public void Problems_HangLimitThatIsTooShort_IsRefused()
        => Assert.Single(new WorkerSettings { HangLimit = TimeSpan.FromSeconds(4) }.Problems());

    [Theory]
    [InlineData("Convex:Dta", "x", "Convex:Dta is not a setting.")]
    [InlineData("Convex:Limits:SignIns", "3", "Convex:Limits:SignIns is not a setting.")]
    [InlineData("Convex:Worker:Slot", "3", "Convex:Worker:Slot is not a setting.")]
    [InlineData("Convex:ListenUrl", "http://0.0.0.0:1", "Convex:ListenUrl is not a setting.")]
    [InlineData("Kestrel:Endpoints:E:Url", "http://0.0.0.0:5913", "Kestrel:Endpoints would listen where no rule looks")]
    [InlineData("Convex:Worker:Slots", "3", null)]
    [InlineData("convex:limits:signinsperminute", "3", null)]
    [InlineData("Convex:TrustedProxies:0", "127.0.0.1", null)]
    public void Validate_NamesThatNoSettingHas_AreRefused(string name, string value, string? problem)
    {
        var result = new SettingsCheck(new ConfigurationBuilder().AddInMemoryCollection([new(name, value)]).Build())
            .Validate(null, new Settings());
        if (problem is null) Assert.True(result.Succeeded, result.FailureMessage);
        else Assert.Contains(problem, result.FailureMessage, StringComparison.Ordinal);
    }

    private static Microsoft.Extensions.Options.ValidateOptionsResult Check(
        Settings settings, string hosts = "localhost;127.0.0.1;[::1]") =>
        new SettingsCheck(new ConfigurationBuilder().AddInMemoryCollection([new("AllowedHosts", hosts)]).Build()).Validate(null, settings);
}
