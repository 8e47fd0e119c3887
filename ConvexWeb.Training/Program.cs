using System.CommandLine;
using ConvexWeb.Training.Cli;

var root = new RootCommand("Trains neural networks for the study of convexity and generalization.")
{
    ListCommand.Create(),
    DescribeCommand.Create(),
    CheckCommand.Create(),
    TrainCommand.Create(),
    PredictCommand.Create(),
    CertifyCommand.Create(),
    TheoremOneCommand.Create(),
    LossConvexityCommand.Create(),
    DatasetsCommand.Create(),
    BenchCommand.Create(),
};
return CommandEdge.Run(root, args);
