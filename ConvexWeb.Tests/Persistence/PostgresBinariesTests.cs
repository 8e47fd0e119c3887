using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Persistence;

public sealed class PostgresBinariesTests : IDisposable
{
    private readonly TestFolder folder = new();

    private static string Embedded => Path.Combine(AppContext.BaseDirectory, "postgres");

    [Theory]
    [InlineData(null)]
    [InlineData("18")]
    public void New_clusters_and_those_of_the_same_version_get_the_programs_of_the_product(string? version) =>
        Assert.Equal(Path.Combine(Embedded, "bin"), PostgresBinaries.Find(version).Folder);

    [Theory]
    [InlineData("initdb")]
    [InlineData("postgres")]
    [InlineData("pg_ctl")]
    public async Task Every_program_finds_its_libraries(string program)
    {
        var user = ClusterUser.For(folder.Path);
        var binaries = await PostgresBinaries.Find(null).ReachedByAsync(user, folder.Path, default);

        var (code, output) = await user.RunAsync(binaries[program], ["--version"], default);

        Assert.Equal(0, code);
        Assert.Contains("(PostgreSQL) 18.", output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_programs_are_files_under_the_names_that_the_loader_asks_for()
    {
        var libraries = new DirectoryInfo(Path.Combine(Embedded, "lib"));

        Assert.True(File.Exists(Path.Combine(libraries.FullName, "libpq.so.5")));
        Assert.DoesNotContain(libraries.EnumerateFiles(), file => file.LinkTarget is not null);
    }

    [Fact]
    public async Task Programs_out_of_the_users_reach_are_copied_into_the_clusters_folder()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root runs PostgreSQL as another user.");
        if (OperatingSystem.IsWindows()) return;
        var closed = Path.Combine(folder.Path, "closed");
        Directory.CreateDirectory(closed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateSymbolicLink(Path.Combine(closed, "postgres"), Embedded);
        var user = ClusterUser.For(folder.Path);

        var binaries = await new PostgresBinaries(Path.Combine(closed, "postgres", "bin")).ReachedByAsync(user, folder.Path, default);

        Assert.StartsWith(Path.Combine(folder.Path, "programs-18."), binaries.Folder, StringComparison.Ordinal);
        Assert.Equal(0, (await user.RunAsync(binaries["initdb"], ["--version"], default)).Code);
        Assert.Equal([Path.GetDirectoryName(binaries.Folder)!], Directory.GetDirectories(folder.Path, "programs-*"));
    }

    public void Dispose() => folder.Dispose();
}
