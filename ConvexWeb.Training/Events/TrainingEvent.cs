using System.Text.Json.Serialization;
using ConvexWeb.Training.Options;

namespace ConvexWeb.Training.Events;

/// <summary>What a training reports while it runs: one JSON line each, written by the trainer and read by the worker.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(StartedEvent), "started")]
[JsonDerivedType(typeof(PointsEvent), "points")]
[JsonDerivedType(typeof(EpochEvent), "epoch")]
[JsonDerivedType(typeof(MessageEvent), "message")]
[JsonDerivedType(typeof(CheckpointEvent), "checkpoint")]
[JsonDerivedType(typeof(FinishedEvent), "finished")]
[JsonDerivedType(typeof(StoppedEvent), "stopped")]
[JsonDerivedType(typeof(FailedEvent), "failed")]
public abstract record TrainingEvent
{
    /// <summary>Line of the journal, from 1; set by the writer.</summary>
    public long N { get; init; }

    /// <summary>UTC; set by the writer.</summary>
    public DateTimeOffset At { get; init; }
}

/// <param name="Step">Where the attempt starts: the step of the checkpoint that was loaded, 0 when there was none.</param>
public sealed record StartedEvent(
    long Step, bool Resumed, string Device, int Threads, long Parameters, long StepsPerEpoch, long TotalSteps) : TrainingEvent
{
    /// <summary>Of the training labels after corruption.</summary>
    public string? LabelsSha256 { get; init; }

    /// <summary>Share of training labels that differ from the truth.</summary>
    public double WrongLabels { get; init; }
}

/// <summary>Values of metrics at a step; <paramref name="Epoch"/> is a fraction.</summary>
public sealed record PointsEvent(long Step, double Epoch, IReadOnlyDictionary<string, double> Values) : TrainingEvent;

/// <summary>Evaluation after <paramref name="Epoch"/> epochs, on whole splits.</summary>
public sealed record EpochEvent(int Epoch, long Step, IReadOnlyDictionary<string, double> Values) : TrainingEvent;

public sealed record MessageEvent(MessageLevel Level, string Text) : TrainingEvent;

/// <summary>A checkpoint was written. The journal has every point up to its step before this line.</summary>
public sealed record CheckpointEvent(CheckpointKind Kind, long Step, string File, long Bytes, string Sha256) : TrainingEvent;

/// <param name="Summary">Null when the line has none, or one that this version cannot read: the run has finished all the same.</param>
public sealed record FinishedEvent(
    long Step, [property: JsonConverter(typeof(OptionalSummary))] RunSummary? Summary = null) : TrainingEvent;

/// <summary>The training was asked to stop, and its state is stored.</summary>
public sealed record StoppedEvent(long Step) : TrainingEvent;

/// <param name="Cause">What the trainer knows of the cause; null when it is none of these, or of a later version.</param>
public sealed record FailedEvent(
    long Step, string Error, [property: JsonConverter(typeof(OptionalCause))] FailureCause? Cause = null) : TrainingEvent;

/// <summary>Why a training failed, where its own code or spec is not what is wrong.</summary>
public enum FailureCause
{
    /// <summary>Of the host or of its device.</summary>
    [JsonStringEnumMemberName("out_of_memory")]
    OutOfMemory,

    /// <summary>The loss is no number any more.</summary>
    [JsonStringEnumMemberName("not_finite")]
    NotFinite,

    [JsonStringEnumMemberName("disk_full")]
    DiskFull,
}

/// <summary>How much a message matters.</summary>
[JsonConverter(typeof(JsonWordConverter<MessageLevel>))]
public enum MessageLevel
{
    [JsonStringEnumMemberName("info")]
    Info,

    [JsonStringEnumMemberName("warning")]
    Warning,
}

/// <summary>Which of the two checkpoints of a run.</summary>
[JsonConverter(typeof(JsonWordConverter<CheckpointKind>))]
public enum CheckpointKind
{
    /// <summary>The newest state, from which a run is resumed.</summary>
    [JsonStringEnumMemberName("last")]
    Last,

    /// <summary>The weights after the best evaluation.</summary>
    [JsonStringEnumMemberName("best")]
    Best,
}
