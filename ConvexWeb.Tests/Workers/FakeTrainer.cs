namespace ConvexWeb.Tests.Workers;

/// <summary>
/// A trainer that trains nothing but keeps the protocol: journal, stdout, checkpoints, stop on the end of stdin.
/// Its "spec" says what happens: steps, every (steps of an epoch), pause (seconds a step), and at which step what goes wrong,
/// in the first <c>times</c> attempts.
/// Its certificates are made of what a checkpoint's file says: refuse, die, hang, chatter, wait for a file of that name, or anything else.
/// </summary>
public static class FakeTrainer
{
    private const string Script =
        """
        #!/bin/bash
        trap '' PIPE
        export TZ=UTC
        if [ "$1" = certify ]; then
          word=$(< "$2")
          case $word in
            refuse) echo "There is no data set of that name." >&2; exit 1;;
            die) kill -9 $$;;
            hang) kill -STOP $$;;
            chatter) echo "here you are"; exit 0;;
            wait*) while [ ! -e "${word#wait }" ]; do sleep 0.05; done;;
          esac
          test='{"name":"test, test","tested":10,"checks":100,"violations":0,"not_finite":0,"worst":-0.5}'
          head="\"model\":\"mlp\",\"constraint\":\"exp_eps\",\"verdict\":\"convex\",\"sentence\":\"Convex: $*\",\"space\":\"pixels\""
          structure='{"proved":true,"broken":[],"tree":[]}'
          inequalities="\"midpoint\":[$test],\"jensen\":$test,\"lines\":$test,\"segments\":[]"
          counts='"violations":0,"checks":300,"not_finite":0'
          echo "{$head,\"structure\":$structure,\"empirical\":{$inequalities,$counts}}"
          exit 0
        fi
        resume=0
        while [ $# -gt 0 ]; do
          case $1 in
            --out) out=$2; shift 2;;
            --resume) resume=1; shift;;
            *) shift;;
          esac
        done
        attempt=${out##*/}
        read -r spec
        number() { if [[ $spec =~ \"$1\":\ ?([0-9.]+) ]]; then printf -v "$1" %s "${BASH_REMATCH[1]}"; else printf -v "$1" %s "$2"; fi; }
        number steps 20; number every 5; number pause 0.01; number times 1000
        number die_at 0; number fail_at 0; number exit_at 0; number code 1; number hang_at 0; number deaf 0

        n=0
        emit() {
          n=$((n + 1))
          printf -v at '%(%Y-%m-%dT%H:%M:%S)T.%sZ' "${EPOCHREALTIME%.*}" "${EPOCHREALTIME#*.}"
          line="{\"n\":$n,\"at\":\"$at\",$1}"
          echo "$line" >> "$out/metrics.jsonl"
          echo "$line" 2>/dev/null
        }
        checkpoint() {
          echo "$1" > "$out/last.tmp"
          mv "$out/last.tmp" "$out/last.safetensors"
          emit "\"type\":\"checkpoint\",\"kind\":\"last\",\"step\":$1,\"file\":\"last.safetensors\",\"bytes\":3,\"sha256\":\"$1\""
        }

        step=0
        if [ $resume = 1 ]; then step=$(< "$out/last.safetensors"); fi
        echo "attempt $attempt from step $step" >&2
        sizes="\"device\":\"cpu\",\"threads\":1,\"parameters\":1,\"steps_per_epoch\":$every,\"total_steps\":$steps"
        emit "\"type\":\"started\",\"step\":$step,\"resumed\":$([ $resume = 1 ] && echo true || echo false),$sizes"
        for ((step = step + 1; step <= steps; step++)); do
          values="\"train/loss_running\":$step.25,\"attempt\":$attempt"
          emit "\"type\":\"points\",\"step\":$step,\"epoch\":$((step / every)).5,\"values\":{$values}"
          if ((step % every == 0)); then
            values='"train/accuracy":90,"test/accuracy":70.5,"gap":19.5,"odd":"NaN","big":"Infinity"'
            emit "\"type\":\"epoch\",\"epoch\":$((step / every)),\"step\":$step,\"values\":{$values}"
            checkpoint $step
          fi
          if ((attempt <= times)); then
            if ((step == die_at)); then kill -9 $$; fi
            if ((step == fail_at)); then emit "\"type\":\"failed\",\"step\":$step,\"error\":\"the loss is not finite\""; exit 1; fi
            if ((step == exit_at)); then echo "no such layer" >&2; exit $code; fi
            if ((step == hang_at)); then
              emit "\"type\":\"message\",\"level\":\"info\",\"text\":\"hangs\""
              while true; do sleep 60; done
            fi
          fi
          if ((deaf)); then sleep "$pause"; continue; fi
          read -r -t "$pause" line
          if [ $? = 1 ]; then checkpoint $step; emit "\"type\":\"stopped\",\"step\":$step"; exit 3; fi
        done
        summary="\"state\":\"Succeeded\",\"epochs\":4,\"steps\":$steps,\"ended_because\":\"all epochs done\""
        summary="$summary,\"final\":{},\"best\":{},\"best_epoch\":1"
        emit "\"type\":\"finished\",\"step\":$steps,\"summary\":{$summary,\"train_seconds\":1,\"weights_sha256\":\"0\"}"
        """;

    /// <summary>Puts the script into a folder; the command line that starts it.</summary>
    public static IReadOnlyList<string> Install(string folder)
    {
        var path = Path.Combine(folder, "fake-trainer");
        File.WriteAllText(path, Script.ReplaceLineEndings("\n") + "\n");
        return ["/bin/bash", path];
    }
}
