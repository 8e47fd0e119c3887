using System.Reflection;
using ConvexWeb.Tests.Support;

namespace ConvexWeb.Tests;

/// <summary>
/// The trait <c>kind</c> of classes and methods: <c>database</c>, <c>browser</c> and <c>slow</c> (from three seconds on). Others are unit
/// tests. <c>./convexweb test fast</c> leaves all three out.
/// </summary>
public sealed class TestKindTests
{
    private static readonly Type[] Types = typeof(TestKindTests).Assembly.GetTypes();

    public static TheoryData<string> TestClasses =>
        [.. Types.Where(type => !type.IsAbstract && type.GetMethods().Any(IsTest)).Select(type => type.FullName!)];

    [Theory, MemberData(nameof(TestClasses))]
    public void A_class_that_is_given_a_database_or_a_browser_says_so(string name)
    {
        var type = typeof(TestKindTests).Assembly.GetType(name)!;
        var given = Reached(type);
        var expected = given.Contains(typeof(Browser)) ? "browser" : given.Contains(typeof(PostgresCluster)) ? "database" : null;
        if (expected is not null) Assert.Contains(expected, Kinds(type));
        Assert.All(Kinds(type), kind => Assert.Contains(kind, (string[])["database", "browser", "slow"]));
    }

    private static bool IsTest(MethodInfo method) => method.IsDefined(typeof(FactAttribute));

    // What its constructor takes, and what theirs take.
    private static HashSet<Type> Reached(Type type)
    {
        HashSet<Type> found = [];
        Add(type);
        return found;

        void Add(Type next)
        {
            foreach (var parameter in next.GetConstructors().SelectMany(constructor => constructor.GetParameters()))
                if (parameter.ParameterType.Assembly == type.Assembly && found.Add(parameter.ParameterType)) Add(parameter.ParameterType);
        }
    }

    // Of the class, its bases and its collection.
    private static IEnumerable<string> Kinds(Type type)
    {
        var collection = type.GetCustomAttribute<CollectionAttribute>()?.Name;
        return Types.Where(other => collection is not null && other.GetCustomAttribute<CollectionDefinitionAttribute>()?.Name == collection)
            .Prepend(type).SelectMany(place => place.GetCustomAttributes<TraitAttribute>())
            .Where(trait => trait.Name == "kind").Select(trait => trait.Value);
    }
}
