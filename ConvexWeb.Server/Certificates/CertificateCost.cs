using ConvexWeb.Training.Specs;

namespace ConvexWeb.Server.Certificates;

/// <summary>How many pairs a certificate that nobody has sized gets: what is usual, or fewer where the network would take long.</summary>
internal static class CertificateCost
{
    private const int Usual = 2000;
    private const int Fewest = 200;

    /// <summary>Images that go through the network for a pair, all kinds of inequalities together; the control is not counted.</summary>
    private const double ImagesPerPair = 24;

    /// <summary>
    /// Floating-point operations: a quarter of an hour on one core for convolutions in double precision,
    /// which is half of what a certificate may take.
    /// </summary>
    private const double Budget = 1e13;

    public static int Pairs(Spec spec)
    {
        // A step goes forward, and back at twice the cost, with a batch.
        var image = Description.Of(spec).FlopPerStep / (3.0 * spec.Training.BatchSize);
        return (int)Math.Clamp(Budget / (ImagesPerPair * Math.Max(1, image)), Fewest, Usual);
    }

    /// <param name="spec">As it is stored; one that an older program wrote, and that cannot be read any
    /// more, is not this class's problem.</param>
    public static int Pairs(string spec) => SpecReader.ReadStored(spec).Spec is { } read ? Pairs(read) : Usual;
}
