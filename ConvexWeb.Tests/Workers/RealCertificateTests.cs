using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Certificates;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests.Workers;

/// <summary>The true trainer certifies what it has trained: a convex network, and the same without its constraint.</summary>
public sealed class RealCertificateTests(PostgresCluster cluster) : DatabaseTest(cluster)
{
    private const string Spec = """
        {"model":{"name":"mlp","width":32},"convexity":{"name":"CONVEXITY"},
         "data":{"name":"glyphs","train_size":300,"test_size":100},"training":{"epochs":3,"batch_size":50}}
        """;

    [Fact]
    public async Task A_convex_network_is_proved_where_its_control_is_violated_and_the_twin_is_not_convex()
    {
        await using var node = await StartNodeAsync(
            ("Convex:Worker:Trainer:0", TrainerProgram.Host), ("Convex:Worker:Trainer:1", TrainerProgram.File),
            ("Convex:Worker:Threads", "1"));
        var convex = await node.SubmitAsync(Spec.Replace("CONVEXITY", "exp_eps", StringComparison.Ordinal));
        var free = await node.SubmitAsync(Spec.Replace("CONVEXITY", "none", StringComparison.Ordinal));
        await Database.UntilAsync(convex, RunState.Succeeded);
        await Database.UntilAsync(free, RunState.Succeeded);

        var proved = (await CertifyAsync(node, convex, twin: free)).Result!;
        Assert.Equal(
            (Verdict.Convex, "exp_eps", CertificateSpace.Pixels, true),
            (proved.Verdict, proved.Constraint, proved.Space, proved.Structure.Proved));
        Assert.Equal((0L, 0L), (proved.Empirical.Violations, proved.Empirical.NotFinite));
        Assert.True(proved.Control!.Violations > 0);
        Assert.Equal("the trained unconstrained twin", proved.ControlIs);
        Assert.True(proved.Structure.SmallestCovered > 0);
        Assert.Equal(50, proved.Empirical.Jensen.Tested);
        Assert.Equal(10, proved.Empirical.Segments[0].Logits.Count);
        Assert.Contains(proved.Structure.Tree, part => part is { Kind: "Linear", Standing: Standing.Convex });

        var refuted = (await CertifyAsync(node, free)).Result!;
        Assert.Equal((Verdict.NotConvex, "none", false), (refuted.Verdict, refuted.Constraint, refuted.Structure.Proved));
        Assert.True(refuted.Empirical.Violations > 0);
        Assert.Null(refuted.Control);
        Assert.NotEmpty(refuted.Structure.Broken);
    }

    private async Task<CertificateView> CertifyAsync(TrainingNode node, long run, long? twin = null)
    {
        await using var connection = await Database.OpenConnectionAsync();
        var id = (await node.RequestAsync(run, twin))!.Id;
        await Database.UntilAsync(
            """
            select i.state in ('Succeeded', 'Failed') from certificates c join work_items i on i.id = c.item_id where c.id = @id
            """, new { id });
        var certificate = (await CertificateRows.FindAsync(connection, new(Database), DateTimeOffset.UtcNow, id, default))!;
        Assert.Null(certificate.Reason);
        return certificate;
    }
}
