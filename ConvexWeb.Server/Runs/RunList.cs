using System.Globalization;
using ConvexWeb.Client.Contracts;
using ConvexWeb.Server.Http;
using Dapper;
using Npgsql;

namespace ConvexWeb.Server.Runs;

/// <summary>
/// A page of the table, newest first. The cursor is the last id seen, so that new runs never shift what comes next; a reader who jumps to a
/// place in the list skips what is before it.
/// </summary>
internal static class RunList
{
    public const int MostRows = 500;
    public const int MostSkipped = 10_000_000;
    private const int LongestSearch = 200;

    public static async Task<Page<RunRow>> ReadAsync(NpgsqlDataSource database, RunQuery query, CancellationToken cancel)
    {
        var before = Check(query);
        var (where, parameters) = Filter(query);

        await using var connection = await database.OpenConnectionAsync(cancel);
        var total = !query.Count ? 0 : await connection.ExecuteScalarAsync<long>(new CommandDefinition(
            $"""
            select count(*) from runs r join work_items i on i.run_id = r.id and i.kind = 'run' join studies s on s.id = r.study_id
            {where}
            """, parameters, cancellationToken: cancel));

        var older = before is null ? "" : "and r.id < @before";
        parameters.Add("before", before);
        parameters.Add("limit", query.Limit + 1);
        parameters.Add("skip", query.Skip);
        var rows = await RunRows.QueryAsync(
            connection, $"{where} {older} order by r.id desc limit @limit offset @skip", parameters, cancel);

        var more = rows.Count > query.Limit;
        if (more) rows.RemoveAt(rows.Count - 1);
        return new(rows, more ? rows[^1].Id.ToString(CultureInfo.InvariantCulture) : null, total);
    }

    private static long? Check(RunQuery query)
    {
        var problems = new List<FieldProblem>();
        if (query.Limit is < 1 or > MostRows) problems.Add(new("limit", $"limit must be from 1 to {MostRows}; got {query.Limit}."));
        if (query.Skip is < 0 or > MostSkipped)
            problems.Add(new("skip", $"skip must be from 0 to {MostSkipped:N0}; got {query.Skip}."));
        if (query.Skip > 0 && !string.IsNullOrEmpty(query.After))
        {
            problems.Add(new(
                "skip", "skip and after cannot be given together: skip counts from the newest run, after goes on from a page."));
        }
        if (query.Search?.Length > LongestSearch) problems.Add(new("search", $"search may have at most {LongestSearch} characters."));
        if (Text.Problem("search", query.Search) is { } unfit) problems.Add(unfit);
        if (query.Ids?.Count > MostRows) problems.Add(new("ids", $"At most {MostRows} ids may be asked for at once."));
        long? before = null;
        if (Text.Problem("after", query.After) is { } unreadable) problems.Add(unreadable);
        else if (!string.IsNullOrEmpty(query.After))
        {
            if (long.TryParse(query.After, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                before = id;
            else
                problems.Add(new(
                    "after", $"after '{Text.Short(query.After)}' is not a cursor of this list; use the 'next' of the page before."));
        }
        // A number is read as a state too.
        if (query.State is { } state && !Enum.IsDefined(state))
            problems.Add(new("state", $"state '{state}' is not a state; allowed are {string.Join(", ", Enum.GetNames<RunState>())}."));
        return problems.Count > 0 ? throw new InvalidInputException(problems) : before;
    }

    private static (string Where, DynamicParameters Parameters) Filter(RunQuery query)
    {
        var where = new List<string> { "true" };
        var parameters = new DynamicParameters();
        if (query.State is { } state) Add("i.state = @state", "state", state.ToString());
        if (query.StudyId is { } study) Add("r.study_id = @study", "study", study);
        if (query.Ids is { } ids) Add("r.id = any(@ids)", "ids", ids.ToArray());

        // As RunQuery.Matches has it. The parts are joined by a line end, which no name holds and no word spans.
        var words = query.Words;
        for (var i = 0; i < words.Count; i++)
        {
            Add(
                $"concat_ws(E'\\n', r.name, r.model, r.convexity, r.dataset, r.labels, s.name, i.created_by) ilike @word{i}",
                $"word{i}", $"%{Escape(words[i])}%");
        }
        return ("where " + string.Join(" and ", where), parameters);

        void Add(string condition, string name, object value)
        {
            where.Add(condition);
            parameters.Add(name, value);
        }
    }

    private static string Escape(string word) => word
        .Replace(@"\", @"\\", StringComparison.Ordinal)
        .Replace("%", @"\%", StringComparison.Ordinal)
        .Replace("_", @"\_", StringComparison.Ordinal);
}
