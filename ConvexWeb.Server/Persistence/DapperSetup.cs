using System.Data;
using System.Runtime.CompilerServices;
using Dapper;

namespace ConvexWeb.Server.Persistence;

/// <summary>
/// How rows become objects, for all of this program: columns such as <c>created_at</c> are properties such as CreatedAt; timestamptz is
/// DateTimeOffset; json and jsonb are text; and an enum is the text of its name, which Dapper reads by itself (as a parameter it must be
/// given as text). Arrays are read into properties only: Npgsql does not say their element type, so no constructor would fit.
/// </summary>
internal static class DapperSetup
{
    // Of the process, since Dapper's settings are; before any other code of this assembly, so that no class that is made alone, as in
    // tests, does without.
    [ModuleInitializer]
    internal static void Apply()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;

        // A type with a mapping of Dapper's own would not get to the handler as a parameter.
        SqlMapper.RemoveTypeMap(typeof(DateTimeOffset));
        SqlMapper.RemoveTypeMap(typeof(DateTimeOffset?));
        SqlMapper.AddTypeHandler(typeof(DateTimeOffset), new Instant());
    }

    /// <summary>Npgsql gives a DateTime in UTC, and takes only what is in UTC.</summary>
    private sealed class Instant : SqlMapper.ITypeHandler
    {
        public object Parse(Type destinationType, object value)
            => value is DateTimeOffset instant ? instant : new DateTimeOffset(DateTime.SpecifyKind((DateTime)value, DateTimeKind.Utc));

        public void SetValue(IDbDataParameter parameter, object value)
        {
            parameter.DbType = DbType.DateTimeOffset; // said also for null, of which PostgreSQL could not tell the type
            parameter.Value = value is DateTimeOffset instant ? instant.ToUniversalTime() : value;
        }
    }
}
