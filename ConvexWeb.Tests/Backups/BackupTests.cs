using System.IO.Compression;
using System.Text.Json.Nodes;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server;
using ConvexWeb.Server.Audit;
using ConvexWeb.Server.Backups;
using ConvexWeb.Server.Leasing;
using ConvexWeb.Server.Persistence;
using ConvexWeb.Tests.Support;
using ConvexWeb.Tests.Workers;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConvexWeb.Tests.Backups;

/// <summary>A lab as a file: written while it works, and put somewhere else.</summary>
public sealed class BackupTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private readonly PostgresCluster cluster = cluster;

    private string Backup => Path.Combine(Folder, "lab.backup");

    [Fact]
    public async Task What_trains_while_it_is_written_goes_on_elsewhere_from_its_checkpoint_with_every_point_once()
    {
        await using var node = await StartNodeAsync(("Convex:Worker:Slots", "4"));
        var done = await node.SubmitAsync("{}");
        await Database.UntilAsync(done, RunState.Succeeded);
        var training = await node.SubmitAsync(4, """{"steps":200,"every":20,"pause":0.02}""");
        await Database.UntilAsync("select count(*) = 5 from runs where step >= 30 or id = @done", new { done });
        var waiting = await node.SubmitAsync("""{"steps":5}""");

        var report = await WriterOf(Database, Folder).WriteAsync(Backup, tell: null, default);
        Assert.Equal((6, 0), (report.Runs, report.Missing));
        Assert.Equal(new FileInfo(Backup).Length, report.Bytes);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Backup));
        const string chunks = "select to_jsonb(c)::text from point_chunks c where run_id = @done";
        var before = await Database.RowsAsync<string>(chunks, new { done });

        await using var place = await Place.MakeAsync(cluster);
        await RestorerOf(place).RestoreAsync(Backup, tell: null, default);
        Assert.Equal(
            ["Queued", "Queued", "Queued", "Queued", "Queued", "Succeeded"],
            await place.Database.RowsAsync<string>("select state from work_items order by state, id"));
        Assert.Equal(before, await place.Database.RowsAsync<string>(chunks, new { done }));

        await using var other = await TrainingNode.StartAsync(place.ConnectionString, place.Folder, ("Convex:Worker:Slots", "4"));
        foreach (var run in training)
        {
            await place.Database.UntilAsync(run, RunState.Succeeded);
            await place.Database.AssertWholeAsync(run, 200);
            Assert.Equal("lost,succeeded", await place.Database.OutcomesAsync(run));
            Assert.True(await place.Database.ScalarAsync<long>(
                "select resumed_step from journals where run_id = @run and attempt = 2", new { run }) >= 20);
        }
        await place.Database.UntilAsync(waiting, RunState.Succeeded);
        await place.Database.AssertWholeAsync(done);

        // No number is given twice.
        Assert.Equal(7, await other.SubmitAsync("{}"));
    }

    [Fact]
    public void What_belongs_together_of_an_attempt_stays_so_when_its_trainer_goes_on()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Folder, "attempt")).FullName;
        var (last, journal) = (Path.Combine(folder, "last.safetensors"), Path.Combine(folder, "metrics.jsonl"));
        File.WriteAllText(last, "at step 10");
        File.WriteAllText(journal, "told up to 10\n");
        using var opened = OpenedAttempt.Open(folder);

        File.WriteAllText(last + ".tmp", "at the end");
        File.Move(last + ".tmp", last, overwrite: true);
        File.AppendAllText(journal, "finished\n");
        File.WriteAllText(Path.Combine(folder, "best.safetensors"), "came later");

        Assert.Equal(
            [("last.safetensors", "at step 10"), ("metrics.jsonl", "told up to 10\n")],
            opened.Files.Select(file =>
            {
                var bytes = new byte[file.Length];
                file.File.ReadExactly(bytes);
                return (file.Name, System.Text.Encoding.UTF8.GetString(bytes));
            }));
    }

    // As a crash or a full disk leaves them; one of them must not keep a lab from its backups.
    [Fact]
    public void Empty_files_of_an_attempt_are_as_if_they_were_not_there()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Folder, "attempt")).FullName;
        foreach (var name in OpenedAttempt.Names) File.WriteAllText(Path.Combine(folder, name), "");

        using var opened = OpenedAttempt.Open(folder);

        Assert.Empty(opened.Files);
    }

    [Theory]
    [InlineData("cancel", "Cancelled")]
    [InlineData("pause", "Paused")]
    [InlineData(null, "Queued")]
    public async Task What_was_wished_of_a_running_item_holds_after_it(string? wish, string state)
    {
        await Database.ClaimAsync(await Database.AddRunAsync());
        await Database.ExecuteAsync("update work_items set wish = @wish", new { wish });
        await WriterOf(Database, Folder).WriteAsync(Backup, null, default);
        await using var place = await Place.MakeAsync(cluster);

        await RestorerOf(place).RestoreAsync(Backup, null, default);

        Assert.Equal((state, null, 0), (await place.Database.RowsAsync<(string, string?, int)>(
            "select state, wish, deaths from work_items")).Single());
    }

    [Fact]
    public async Task Two_at_once_to_one_place_leave_one_whole_file()
    {
        await Database.AddRunAsync();
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(async _ =>
        {
            try
            {
                await WriterOf(Database, Folder).WriteAsync(Backup, null, default);
                return true;
            }
            catch (StartException)
            {
                return false;
            }
        }));

        Assert.Contains(true, both);
        await using var place = await Place.MakeAsync(cluster);
        Assert.Equal(1, (await RestorerOf(place).RestoreAsync(Backup, null, default)).Runs);
        Assert.Equal([Backup], Directory.GetFiles(Folder, "lab.backup*"));
    }

    // 7 is the first version's; since 10 certificates are work items too.
    [Theory]
    [InlineData(7)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(14)]
    public async Task A_backup_of_an_older_schema_is_brought_to_this_one(int schema)
    {
        await using var old = await Place.MakeAsync(cluster);
        await new Migrator(old.Database, [.. Migration.Embedded.Where(migration => migration.Number <= schema)]).ApplyAsync();
        await old.Database.ExecuteAsync(
            "insert into users (id, user_name, normalized_user_name) values (gen_random_uuid(), 'ada', 'ADA')");
        await WriterOf(old.Database, old.Folder).WriteAsync(Backup, tell: null, default);

        await using var place = await Place.MakeAsync(cluster);
        await RestorerOf(place).RestoreAsync(Backup, tell: null, default);

        Assert.Equal("ada", await place.Database.ScalarAsync<string>("select user_name from users"));
        Assert.Equal(0, await place.Database.ScalarAsync<long>("select count(*) from second_factors"));
        Assert.Equal(Migration.Embedded[^1].Number, await place.Database.ScalarAsync<int>("select max(number) from migrations"));
        Assert.Equal(
            await old.Database.ScalarAsync<Guid>("select id from this_database"),
            await place.Database.ScalarAsync<Guid>("select id from this_database"));
    }

    [Theory]
    [InlineData("Schema", 9999, "knows only")]
    [InlineData("Format", 2, "knows only")]
    [InlineData("SchemaHash", "00", "of another form")]
    public async Task A_backup_of_another_program_is_refused_with_a_sentence(string field, object value, string sentence)
        => await AssertRefusedAsync(sentence, manifest => manifest[field] = JsonValue.Create(value));

    [Fact]
    public async Task A_backup_that_names_a_place_outside_of_a_runs_folder_is_refused()
        => await AssertRefusedAsync("is no file of a run", manifest => manifest["Files"] = new JsonArray(new JsonObject
        {
            ["Entry"] = "runs/1/1/../../../evil", ["Bytes"] = 1, ["Sha256"] = "00",
        }));

    [Fact]
    public async Task A_backup_that_names_a_statement_for_a_table_is_refused()
        => await AssertRefusedAsync("has no table", manifest =>
        {
            var more = manifest["Tables"]![0]!.DeepClone();
            more["Name"] = "users; drop table users";
            manifest["Tables"]!.AsArray().Add(more);
        });

    [Theory]
    [InlineData("Tables")]
    [InlineData("Files")]
    [InlineData("Product")]
    public async Task A_backup_whose_manifest_is_not_whole_is_refused(string field)
        => await AssertRefusedAsync("not whole", manifest => manifest.Remove(field));

    [Theory]
    [InlineData("Tables", "null")]
    [InlineData("Tables", """{"Name":null,"Columns":[],"Bytes":0,"Sha256":""}""")]
    [InlineData("Tables", """{"Name":"users","Columns":null,"Bytes":0,"Sha256":""}""")]
    [InlineData("Tables", """{"Name":"users","Columns":[null],"Bytes":0,"Sha256":""}""")]
    [InlineData("Files", "null")]
    [InlineData("Files", """{"Entry":null,"Bytes":0,"Sha256":""}""")]
    [InlineData("Files", """{"Entry":"runs/1/1/last.safetensors","Bytes":-5,"Sha256":""}""")]
    [InlineData("Files", """{"Entry":"runs/1/1/last.safetensors","Bytes":9223372036854775807,"Sha256":""}""")]
    [InlineData("Sequences", "null")]
    [InlineData("Sequences", """{"Table":null,"Column":"id","Last":1}""")]
    public async Task D18_A_manifest_with_what_no_backup_writes_is_refused(string list, string entry)
        => await AssertRefusedAsync("not whole", manifest => manifest[list]!.AsArray().Add(JsonNode.Parse(entry)));

    [Theory]
    [InlineData("""{"Table":"nope","Column":"id","Last":1}""", "no numbers for nope.id")]
    [InlineData("""{"Table":"users'); drop table users; --","Column":"id","Last":1}""", "no numbers for users')")]
    public async Task D18_A_backup_that_numbers_what_is_not_there_is_refused(string sequence, string sentence)
        => await AssertRefusedAsync(sentence, manifest => manifest["Sequences"]!.AsArray().Add(JsonNode.Parse(sequence)));

    [Fact]
    public async Task D18_A_backup_of_a_format_that_never_was_is_refused()
        => await AssertRefusedAsync("not whole", manifest => manifest["Format"] = 0);

    [Fact]
    public async Task A_backup_that_lacks_a_table_is_refused()
        => await AssertRefusedAsync("lacks the table", manifest => manifest["Tables"]!.AsArray().RemoveAt(3));

    [Fact]
    public async Task A_backup_of_another_databases_files_is_refused()
        => await AssertRefusedAsync("of another database", manifest => manifest["Database"] = Guid.NewGuid().ToString());

    [Fact]
    public async Task A_backup_whose_rows_were_changed_is_refused()
        => await AssertRefusedAsync("is not what was written", manifest =>
        {
            foreach (var table in manifest["Tables"]!.AsArray()) table!["Sha256"] = new string('0', 64);
        });

    [Fact]
    public async Task What_is_no_backup_is_refused()
    {
        await File.WriteAllTextAsync(Backup, "no archive");
        await using var place = await Place.MakeAsync(cluster);
        var refused = await Assert.ThrowsAsync<StartException>(() => RestorerOf(place).RestoreAsync(Backup, null, default));
        Assert.Contains("is no backup", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lab_that_is_there_is_not_written_over()
    {
        await Database.AddRunAsync();
        await WriterOf(Database, Folder).WriteAsync(Backup, null, default);
        var again = await Assert.ThrowsAsync<StartException>(() => WriterOf(Database, Folder).WriteAsync(Backup, null, default));
        Assert.Contains("exists already", again.Message, StringComparison.Ordinal);

        var refused = await Assert.ThrowsAsync<StartException>(
            () => new BackupRestore(Database, FoldersOf(Folder)).RestoreAsync(Backup, null, default));
        Assert.Contains("There is a lab in this database already", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, await Database.ScalarAsync<long>("select count(*) from runs"));
    }

    [Fact]
    public async Task One_that_is_ended_or_finds_no_room_leaves_nothing()
    {
        await Database.AddRunAsync();
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => WriterOf(Database, Folder).WriteAsync(Backup, _ => stop.Cancel(), stop.Token));
        Assert.Empty(Directory.GetFiles(Folder, "lab.backup*"));

        var nowhere = Path.Combine(Folder, "no", "such", "folder", "lab.backup");
        var refused = await Assert.ThrowsAsync<StartException>(() => WriterOf(Database, Folder).WriteAsync(nowhere, null, default));
        Assert.Contains("could not be written", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_night_one_more_is_written_the_oldest_go_and_a_failure_is_in_the_audit_trail()
    {
        await Database.AddRunAsync();
        var settings = new Settings { Data = Folder, Backup = { Folder = Path.Combine(Folder, "backups"), Keep = 2 } };
        var time = new Clock();
        Directory.CreateDirectory(settings.Backup.Folder);
        await File.WriteAllTextAsync(Path.Combine(settings.Backup.Folder, "convexweb-before-upgrade.backup"), "kept by hand");
        await File.WriteAllTextAsync(Path.Combine(settings.Backup.Folder, "mine.txt"), "somebody else's");
        var id = (await Database.ScalarAsync<Guid>("select id from this_database")).ToString("N")[..8];
        var nightly = new NightlyBackup(
            Database, WriterOf(Database, Folder), new AuditTrail(Database, TimeProvider.System), Options.Create(settings), time);
        for (var night = 0; night < 4; night++)
        {
            Assert.Contains("1 runs", await nightly.WriteAsync(default), StringComparison.Ordinal);
            time.Now += TimeSpan.FromDays(1);
        }

        Assert.Equal(
            new HashSet<string?>
            {
                $"convexweb-{id}-2026-03-03T021700Z.backup", $"convexweb-{id}-2026-03-04T021700Z.backup", "convexweb-before-upgrade.backup",
                "mine.txt",
            },
            Directory.GetFiles(settings.Backup.Folder).Select(Path.GetFileName).ToHashSet());
        Assert.Equal(4, await Database.ScalarAsync<long>("select count(*) from audit_entries where action = 'BackupMade'"));

        settings.Backup.Folder = Path.Combine(Folder, "backups", "mine.txt");
        await Assert.ThrowsAnyAsync<Exception>(() => nightly.WriteAsync(default));
        Assert.Equal(1, await Database.ScalarAsync<long>("select count(*) from audit_entries where action = 'BackupFailed'"));
    }

    // Changed in one place, a backup is refused, and the database stays without a lab.
    private async Task AssertRefusedAsync(string sentence, Action<JsonObject> change)
    {
        await Database.AddRunAsync();
        await WriterOf(Database, Folder).WriteAsync(Backup, null, default);
        using (var archive = ZipFile.Open(Backup, ZipArchiveMode.Update))
        {
            JsonObject manifest;
            using (var from = archive.GetEntry("manifest.json")!.Open()) manifest = JsonNode.Parse(from)!.AsObject();
            change(manifest);
            archive.GetEntry("manifest.json")!.Delete();
            using var to = new StreamWriter(archive.CreateEntry("manifest.json").Open());
            to.Write(manifest.ToJsonString());
        }
        await using var place = await Place.MakeAsync(cluster);

        var refused = await Assert.ThrowsAsync<StartException>(() => RestorerOf(place).RestoreAsync(Backup, null, default));

        Assert.Contains(sentence, refused.Message, StringComparison.Ordinal);
        if (await place.Database.ScalarAsync<bool>("select to_regclass('runs') is not null"))
            Assert.Equal(0, await place.Database.ScalarAsync<long>("select count(*) from runs"));
        var runs = new DirectoryInfo(Path.Combine(place.Folder, "runs"));
        Assert.Empty(runs.Exists ? runs.GetDirectories() : []);
    }

    private static RunFolders FoldersOf(string folder) => new(Options.Create(new Settings { Data = folder }));

    private static BackupWriter WriterOf(NpgsqlDataSource database, string folder)
        => new(database, FoldersOf(folder), TimeProvider.System);

    private static BackupRestore RestorerOf(Place place) => new(place.Database, FoldersOf(place.Folder));

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 3, 1, 2, 17, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }

    /// <summary>A folder and an empty database elsewhere.</summary>
    private sealed class Place : IAsyncDisposable
    {
        private readonly TestFolder folder = new();
        private readonly PostgresCluster cluster;

        private Place(PostgresCluster cluster, string connectionString)
        {
            (this.cluster, ConnectionString) = (cluster, connectionString);
            Database = NpgsqlDataSource.Create(connectionString);
        }

        public string ConnectionString { get; }
        public NpgsqlDataSource Database { get; }
        public string Folder => folder.Path;

        public static async Task<Place> MakeAsync(PostgresCluster cluster)
            => new(cluster, await cluster.CreateDatabaseAsync(migrated: false));

        public async ValueTask DisposeAsync()
        {
            await Database.DisposeAsync();
            await cluster.DropDatabaseAsync(ConnectionString);
            folder.Dispose();
        }
    }
}
