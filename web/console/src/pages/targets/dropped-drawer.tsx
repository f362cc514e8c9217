// A target that is not scraped, and the rule that leaves it out.
import { Drawer } from '../../parts/drawer'
import { Relabelling } from './relabelling'
import { droppedKey, type DroppedTarget, droppedUrl } from './target-data'
import { JobConfig } from './target-metrics'

export function DroppedDrawer({ target, onClose }: { target: DroppedTarget; onClose: () => void }) {
  return (
    <Drawer title={droppedUrl(target)} of={droppedKey(target)} onClose={onClose}>
      <p>It was found for the job {target.scrapePool}, whose rules leave it out.</p>
      <Relabelling job={target.scrapePool} found={target.discoveredLabels} labels={null} />
      <JobConfig job={target.scrapePool} />
    </Drawer>
  )
}
