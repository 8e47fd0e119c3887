using System.CommandLine;

namespace ConvexWeb.Training.Cli;

/// <summary><c>check SPEC</c>: all problems of a spec, exit code 2 if there is any.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var spec = SpecArgument.Create();
        var command = new Command("check", "Checks a spec and prints every problem.") { spec };
        command.SetAction(parsed =>
        {
            var problems = SpecArgument.Read(parsed.GetValue(spec)!).Problems;
            foreach (var problem in problems) Console.WriteLine(problem.Sentence);
            if (problems.Count == 0) Console.WriteLine("The spec is valid.");
            return problems.Count == 0 ? ExitCodes.Done : ExitCodes.BadInput;
        });
        return command;
    }
}
