// Two namespaces in a circle, which the test of the floors must find; the way up is inside a method and behind a var.
namespace Planted.Low
{
    internal static class Ground
    {
        public static string Reach()
        {
            var roof = High.Roof.Stand();
            return roof.ToString();
        }
    }
}

namespace Planted.High
{
    internal sealed record Roof(string Under)
    {
        public static Roof Stand() => new(nameof(Stand));

        public static string Below() => Low.Ground.Reach();
    }
}
