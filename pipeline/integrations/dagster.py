"""Dagster: a resource that takes a source to the platform, and what an asset and its check are told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from pipeline.errors import PipelineError
from pipeline.integrations.facts import facts, require_safe_retry, run_key

if TYPE_CHECKING:
    from pipeline.result import Result

CHECK = "contract"


def contract_check(asset: str | dg.AssetKey) -> dg.AssetCheckSpec:
    """The check that `materialize` answers: whether every contact of the asset keeps to the contract."""
    return dg.AssetCheckSpec(CHECK, asset=asset, description="Every contact keeps to the contract.")


class BulkUpload(dg.ConfigurableResource):  # type: ignore[misc]  # Dagster is an extra: not known here
    """The way to the platform; `config` is a config file's path, its secrets are in the environment."""

    config: str = "config.yaml"

    def materialize(
        self, context: dg.AssetExecutionContext, source: Any = None, *, again: bool = False, **options: Any
    ) -> dg.MaterializeResult:
        """What an asset returns: counts and ids as metadata, and the answer to `contract_check`.

        `source` and `options` are as `pipeline.run` takes them. The run key is the asset's name with its
        partition or, without one, the run: a retry and a re-execution follow the first job, and so does a
        partition that is materialized anew, unless `again`. Raises Failure, to be retried if that can help.
        """
        from pipeline.config.file import load_config
        from pipeline.flow import run

        key = options.pop("run_key", None) or key_of(context)
        try:
            settings = load_config(self.config)
            require_safe_retry(settings, again=again, is_retry=context.retry_number > 0)
            result = run(source, settings, run_key=key, again=again, **options)
        except PipelineError as error:
            facts = metadata(error.result) if error.result else {}
            raise dg.Failure(str(error), metadata=facts, allow_retries=error.retryable) from None
        checked = dg.AssetCheckResult(
            check_name=CHECK,
            passed=result.rejected == 0,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"rejected": result.rejected, "reasons": dict(result.reasons)},
        )
        has_check = any(each.name == CHECK for each in context.selected_asset_check_keys)
        return dg.MaterializeResult(metadata=metadata(result), check_results=[checked] if has_check else [])


def key_of(context: dg.AssetExecutionContext) -> str:
    """The run key of what is materialized: its partition, else the run that all retries go back to."""
    run = context.run.root_run_id or context.run_id
    what = context.partition_key if context.has_partition_key else run
    return run_key(context.asset_key.to_user_string(), str(what))


def metadata(result: Result) -> dict[str, Any]:
    """Counts and ids as Dagster shows them; the number of rows under the name that it draws as a graph."""
    known = {name: value for name, value in facts(result).items() if value not in (None, {})}
    return {"dagster/row_count": result.accepted, **known}
