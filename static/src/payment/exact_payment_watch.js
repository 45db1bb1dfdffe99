import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { Component, onMounted, onWillUnmount, useEffect, xml } from "@odoo/owl";

const NEWS = "account_exact/payment";

/**
 * On the form of a document that is open in Exact: asks for its payment when the form is opened,
 * and reads the document anew when the answer has come. Nobody waits for either.
 */
export class ExactPaymentWatch extends Component {
    static template = xml`<span class="d-none"/>`;
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.bus = useService("bus_service");
        this.told = ({ move_ids }) => this.readAnew(move_ids);
        onMounted(() => this.bus.subscribe(NEWS, this.told));
        onWillUnmount(() => this.bus.unsubscribe(NEWS, this.told));
        useEffect(
            () => this.ask(),
            () => [this.props.record.resId],
        );
    }

    ask() {
        const { resId, data } = this.props.record;
        if (resId && data.exact_payment_waits) {
            // Without the answer the form is what it was.
            this.orm.silent.call("account.move", "exact_payment_opened", [[resId]]).catch(() => {});
        }
    }

    async readAnew(moveIds) {
        const record = this.props.record;
        // What a person is typing is not thrown away.
        if (moveIds.includes(record.resId) && !(await record.isDirty())) {
            await record.load();
        }
    }
}

registry.category("view_widgets").add("exact_payment_watch", {
    component: ExactPaymentWatch,
    fieldDependencies: [{ name: "exact_payment_waits", type: "boolean" }],
});
